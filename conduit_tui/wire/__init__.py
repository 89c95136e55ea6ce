"""The dialects: requests, answers, streams and error shapes; pure."""
