-- SPDX-License-Identifier: Apache-2.0
-- wrk: one prepared body after the other, from the file that PEER_BODIES names; with PEER_CLOSE on a new connection each.
local bodies = {}
local at = 0

function init()
   for line in io.lines(os.getenv("PEER_BODIES")) do
      bodies[#bodies + 1] = line
   end
   wrk.method = "POST"
   wrk.path = "/activate"
   wrk.headers["Content-Type"] = "application/json"
   if os.getenv("PEER_CLOSE") then
      wrk.headers["Connection"] = "close"
   end
end

function request()
   at = at % #bodies + 1
   return wrk.format(nil, nil, nil, bodies[at])
end

function done(summary, latency)
   io.write(string.format('{"ops":%d,"seconds":%.3f,"p50_ms":%.3f,"p99_ms":%.3f,"errors":%d}\n', summary.requests,
      summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, summary.errors.connect +
      summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout))
end
