-- What wrk sends and how it reports: `wrk ... URL -- [--close] [--upload BYTES]`.
-- The request is fixed once, so that the generator spends nothing per request; the summary comes as
-- one line of JSON, because wrk's own text rounds latencies and leaves errors out when there are none.

function init(arguments)
  local i = 1
  while arguments[i] do
    if arguments[i] == "--close" then
      wrk.headers["Connection"] = "close"
    elseif arguments[i] == "--upload" then
      i = i + 1
      wrk.method = "POST"
      wrk.body = string.rep("u", tonumber(arguments[i]))
    end
    i = i + 1
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\nJSON {"requests":%d,"seconds":%.6f,"bytes":%d,"p50_us":%d,"p99_us":%d,"p999_us":%d,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50),
    latency:percentile(99), latency:percentile(99.9), errors.connect, errors.read, errors.write,
    errors.status, errors.timeout))
end
