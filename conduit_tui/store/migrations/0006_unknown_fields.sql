-- Fields of imported files that this version does not know, by what they belong to: an export writes them out again.
-- `kind` is a section of our own files, or of another format's with that format's version before it (`1.0:sessions`).
CREATE TABLE unknown_fields (
    kind TEXT NOT NULL,
    project TEXT NOT NULL,  -- empty for what belongs to none
    key TEXT NOT NULL,  -- JSON array: what names the row in its section, beside the project
    body TEXT NOT NULL,  -- JSON object
    PRIMARY KEY (kind, project, key)
) STRICT, WITHOUT ROWID;
