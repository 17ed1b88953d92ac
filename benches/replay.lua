-- Sends one fixed request over and over and reports in one line of JSON.
--
-- All workloads share this script: what differs is the request file, header
-- lines, an empty line and the body, written by benches/run. There is no
-- request() and no response() here on purpose: wrk then formats the request
-- once and looks at statuses only, so that the generator costs little.

function init(args)
   local file = assert(io.open(args[1], "rb"))
   local head, body = file:read("*a"):match("^(.-)\n\n(.*)$")
   file:close()
   wrk.method = "POST"
   wrk.body = body
   for name, value in head:gmatch("([^:\n]+): ([^\n]*)") do
      wrk.headers[name] = value
   end
end

function done(summary, latency, requests)
   local e = summary.errors
   print(string.format(
      'RESULT {"requests": %d, "bytes": %d, "us": %d, "p50_us": %d, "p99_us": %d, "bad": %d}',
      summary.requests, summary.bytes, summary.duration,
      latency:percentile(50), latency:percentile(99),
      e.status + e.connect + e.read + e.write + e.timeout))
end
