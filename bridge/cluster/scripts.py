"""What Redis does in one piece. Each script is a transaction: nothing comes between its steps.

A cached row reads `<entry> <row>`: where it stands in the stream, or `-`. A row that is not in the
database yet has no term, so that it does not expire; settling gives it one. `x` says that the row
was forgotten.

Only the first command of a script that needs memory can be refused for want of it, so each either
does all it should or nothing; what comes after a write and might be refused is done with `pcall`.
"""

from __future__ import annotations

from typing import Final

FORGOTTEN: Final = b"x"

# KEYS: stream, bytes, cache of each row. ARGV: entries_max, bytes_max, the rows.
# Returns the places of those that are in the database already, counted from 1; nil where there is
# no room.
ADD: Final = """
local size, new, seen, settled = 0, {}, {}, {}
for i = 3, #ARGV do
  local known = redis.call('GET', KEYS[i])
  if known and known ~= 'x' and redis.call('PTTL', KEYS[i]) >= 0 then
    settled[#settled + 1] = i - 2
  end
  if not seen[KEYS[i]] and (not known or known == 'x') then
    seen[KEYS[i]] = true
    new[#new + 1] = i
    size = size + #ARGV[i]
  end
end
if #new == 0 then return settled end
if redis.call('XLEN', KEYS[1]) + #new > tonumber(ARGV[1]) then return false end
local held = tonumber(redis.call('GET', KEYS[2]) or '0')
if held + size > tonumber(ARGV[2]) then return false end
for _, i in ipairs(new) do
  local entry = redis.call('XADD', KEYS[1], '*', 'row', ARGV[i])
  redis.call('SET', KEYS[i], entry .. ' ' .. ARGV[i])
end
redis.call('INCRBY', KEYS[2], size)
return settled
"""

# KEYS: stream, bytes, cache of each row. ARGV: group, term in seconds, the entries.
# Returns the places of those that were forgotten meanwhile, counted from 1.
SETTLE: Final = """
local freed, forgotten = 0, {}
for i = 3, #ARGV do
  local found = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])
  if #found > 0 then freed = freed + #found[1][2][2] end
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  redis.call('XDEL', KEYS[1], ARGV[i])
  local known = redis.call('GET', KEYS[i])
  if known == 'x' then forgotten[#forgotten + 1] = i - 2 end
  if known then redis.call('EXPIRE', KEYS[i], ARGV[2]) end
end
if redis.call('XLEN', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[2])
elseif freed > 0 then
  redis.pcall('DECRBY', KEYS[2], freed)
end
return forgotten
"""

# KEYS: stream, bytes, poison, cache of rows. ARGV: group, length of poison, term of the cache in
# seconds, the entries.
PUT_ASIDE: Final = """
local freed = 0
for i = 4, #ARGV do
  local found = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])
  if #found > 0 then
    local row = found[1][2][2] or ''
    freed = freed + #row
    redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', ARGV[2], '*', 'row', row)
  end
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  redis.call('XDEL', KEYS[1], ARGV[i])
end
for i = 4, #KEYS do redis.call('EXPIRE', KEYS[i], ARGV[3]) end
if redis.call('XLEN', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[2])
elseif freed > 0 then
  redis.pcall('DECRBY', KEYS[2], freed)
end
return 1
"""

# KEYS: stream, cache of each row.
# Returns for each: 0 it waits, 1 it is in the database, 2 nobody knows of it.
STATES: Final = """
local states = {}
for i = 2, #KEYS do
  local left = redis.call('PTTL', KEYS[i])
  local state = 2
  if left >= 0 then
    state = 1
  elseif left == -1 then
    local entry = string.match(redis.call('GET', KEYS[i]) or '', '^(%d+%-%d+) ')
    if entry and #redis.call('XRANGE', KEYS[1], entry, entry) > 0 then state = 0 end
  end
  states[i - 1] = state
end
return states
"""

# KEYS: stream, bytes, cache of each row. ARGV: group, seconds for which it stays forgotten.
# Returns how many of them were waiting.
FORGET: Final = """
local freed, waiting = 0, 0
for i = 3, #KEYS do
  local entry = string.match(redis.call('GET', KEYS[i]) or '', '^(%d+%-%d+) ')
  if entry then
    local found = redis.call('XRANGE', KEYS[1], entry, entry)
    if #found > 0 then
      freed = freed + #found[1][2][2]
      waiting = waiting + 1
      redis.call('XACK', KEYS[1], ARGV[1], entry)
      redis.call('XDEL', KEYS[1], entry)
    end
  end
  local said = redis.pcall('SET', KEYS[i], 'x', 'EX', ARGV[2])
  if said.err then redis.call('DEL', KEYS[i]) end
end
if redis.call('XLEN', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[2])
elseif freed > 0 then
  redis.pcall('DECRBY', KEYS[2], freed)
end
return waiting
"""

# KEYS: stream, list of the earlier pipe. ARGV: group, seconds after which a consumer is gone.
# Puts a list out of the stream's way, makes stream and group, and lets go of consumers that are
# long gone and hold nothing. Returns the length of the list.
JOIN: Final = """
if redis.call('TYPE', KEYS[1]).ok == 'list' then
  if redis.call('EXISTS', KEYS[2]) == 0 then
    redis.call('RENAME', KEYS[1], KEYS[2])
  else
    local row = redis.call('LPOP', KEYS[1])
    while row do
      redis.call('RPUSH', KEYS[2], row)
      row = redis.call('LPOP', KEYS[1])
    end
  end
end
local is_there = false
if redis.call('EXISTS', KEYS[1]) == 1 then
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    if group[2] == ARGV[1] then is_there = true end
  end
end
if not is_there then
  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
end
for _, one in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local facts = {}
  for i = 1, #one, 2 do facts[one[i]] = one[i + 1] end
  if facts.pending == 0 and facts.idle > tonumber(ARGV[2]) * 1000 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], facts.name)
  end
end
return redis.call('LLEN', KEYS[2])
"""

# KEYS: stream, bytes, list of the earlier pipe. ARGV: how many.
# Returns how many rows went from the list into the stream.
ADOPT: Final = """
local adopted = 0
while adopted < tonumber(ARGV[1]) do
  local row = redis.call('LINDEX', KEYS[3], 0)
  if not row then break end
  redis.call('XADD', KEYS[1], '*', 'row', row)
  redis.call('LPOP', KEYS[3])
  redis.call('INCRBY', KEYS[2], #row)
  adopted = adopted + 1
end
return adopted
"""

# KEYS: lease. ARGV: who, milliseconds. Returns 1 where it is theirs.
TAKE_LEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0
"""

# KEYS: lease. ARGV: who.
GIVE_BACK_LEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
