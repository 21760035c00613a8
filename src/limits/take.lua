-- Takes from allowances, one key each, in order; ARGV says how many microseconds each charge is worth. An allowance is a minute's worth.
-- A key holds the time at which its allowance will be full again. Answers 0, or how many milliseconds to wait for the first that is
-- too small. Redis runs a script as one step, by its own clock: processes that race, or whose clocks differ, count as one.
local minute = 60000000
-- Sums of fractions may miss a whole minute by less than this.
local rounding = 1000

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for i, key in ipairs(KEYS) do
  local full = math.max(tonumber(redis.call('GET', key) or now), now) + tonumber(ARGV[i])
  local wait = full - now - minute
  if wait > rounding then
    return math.ceil(wait / 1000)
  end
  redis.call('SET', key, string.format('%.17g', full), 'PX', math.max(1, math.ceil((full - now) / 1000)))
end
return 0
