-- wrk script: POSTs a Messages request of BENCH_BYTES bytes for the model BENCH_MODEL, and prints one JSON line.
local size = tonumber(os.getenv("BENCH_BYTES") or "2048")
local model = os.getenv("BENCH_MODEL") or "claude-opus-5-5"
local head = '{"model":"' .. model .. '","max_tokens":256,"messages":[{"role":"user","content":"'
local text = string.rep("keep the relay small and the streams fast; ", math.ceil(size / 43))
local body = head .. string.sub(text, 1, size - #head - 4) .. '"}]}'
wrk.method = "POST"
wrk.body = body
wrk.headers["Content-Type"] = "application/json"
wrk.headers["x-api-key"] = "sk-ant-fake"
wrk.headers["anthropic-version"] = "2023-06-01"
local pause = tonumber(os.getenv("BENCH_PAUSE_MS") or "0")
if pause > 0 then
  function delay() return math.random(math.floor(pause / 2), math.floor(pause * 3 / 2)) end
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\nJSON {"requests":%d,"seconds":%.3f,"p50_us":%d,"p99_us":%d,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
