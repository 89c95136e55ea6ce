// One call of an official SDK for Node: node node_client.cjs SDK ORIGIN CALL; prints what the program saw as JSON.

const [sdk, origin, call] = process.argv.slice(2);
const named = { "x-fake-script": "sdk" };
const Client = require(sdk === "anthropic" ? "@anthropic-ai/sdk" : "openai");
const client = sdk === "anthropic"
  ? new Client({ apiKey: "sk-ant-fake", baseURL: origin, defaultHeaders: named })
  : new Client({ apiKey: "sk-fake", baseURL: `${origin}/v1`, defaultHeaders: named });

const schema = { type: "object", properties: { place: { type: "string" } } };
const said = [{ role: "user", content: "What is it? 日本, 🙂" }];
const requests = {
  messages: {
    model: "claude-opus-5-5", max_tokens: 900, messages: said, tools: [{ name: "weather", input_schema: schema }],
  },
  chat: {
    model: "gpt-5.5", messages: said, tools: [{ type: "function", function: { name: "weather", parameters: schema } }],
  },
  responses: {
    model: "gpt-5.5", input: said, tools: [{ type: "function", name: "weather", parameters: schema, strict: false }],
  },
};
const makers = {
  messages: (body, options) => client.messages.create(body, options),
  chat: (body, options) => client.chat.completions.create(body, options),
  responses: (body, options) => client.responses.create(body, options),
};

async function collect(stream) {
  const seen = [];
  for await (const event of stream) seen.push(event);
  return seen;
}

async function leave(make, body) {
  const seen = [];
  const stream = await make({ ...body, stream: true });
  for await (const event of stream) {
    seen.push(event);
    if (seen.length === 4) break;
  }
  return seen.length;
}

async function converse() {
  const first = await client.messages.create(requests.messages);
  const result = { type: "tool_result", tool_use_id: first.content.at(-1).id, content: "dry" };
  const messages = [...said, { role: "assistant", content: first.content }, { role: "user", content: [result] }];
  return [first, await client.messages.create({ ...requests.messages, messages })];
}

async function main() {
  const [kind, how] = call.split(".");
  const make = makers[kind];
  const body = requests[kind];
  switch (how) {
    case "whole": return make(body);
    case "stream":
      if (kind === "chat") body.stream_options = { include_usage: true };
      return collect(await make({ ...body, stream: true }));
    case "leave": return leave(make, body);
    case "converse": return converse();
    case "helper": return client.messages.stream(body).finalMessage();
    case "tokens": return client.messages.countTokens({ model: body.model, messages: said });
  }
}

main().then(
  (value) => ({ value }),
  (error) => ({ error: { kind: error.constructor.name, status: error.status, message: error.message, code: error.code } }),
).then((seen) => console.log(JSON.stringify(seen)));
