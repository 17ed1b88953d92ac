-- Like replay.lua, with another id in each request: in a session no two unanswered ones may have the same.
-- The body has ID where the id goes.
local before, after
local id = 0

function init(args)
   local file = assert(io.open(args[1], "rb"))
   local head, body = file:read("*a"):match("^(.-)\n\n(.*)$")
   file:close()
   wrk.method = "POST"
   before, after = body:match("^(.-)ID(.*)$")
   for name, value in head:gmatch("([^:\n]+): ([^\n]*)") do
      wrk.headers[name] = value
   end
end

function request()
   id = id + 1
   return wrk.format(nil, nil, nil, before .. id .. after)
end

function done(summary, latency, requests)
   local e = summary.errors
   print(string.format('RESULT {"requests": %d, "bad": %d}', summary.requests,
      e.status + e.connect + e.read + e.write + e.timeout))
end
