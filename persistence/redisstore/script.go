package redisstore

import (
	"crypto/sha1"
	"encoding/hex"
)

// A script answers with a list whose first member is a word: OK, or what is wrong. Scripts
// check first and write afterwards, so one that fails has changed nothing.
//
// Those that only make room are allowed when the server is full.
const (
	header      = "#!lua\n"
	headerRoom  = "#!lua flags=allow-oom\n"
	headerReads = "#!lua flags=no-writes\n"
)

// luaScript is a script with the sum by which the server knows it.
type luaScript struct {
	text, sha string
	reads     bool
}

func script(text string) *luaScript {
	sum := sha1.Sum([]byte(text))
	return &luaScript{text: text, sha: hex.EncodeToString(sum[:])}
}

func readScript(text string) *luaScript {
	s := script(text)
	s.reads = true
	return s
}

// fence: KEYS[1] is the bucket's lease, ARGV[1] the writer's epoch.
const fence = `
local epoch = redis.call('HGET', KEYS[1], 'e') or '0'
if epoch ~= ARGV[1] or epoch == '0' then return {'FENCED', epoch} end
`

// common: the keys and arguments of a write to a session, and what several of them do. What costs
// is each call of the server, and each closure, so a session's effects and timers are fields of its one
// hash, members are collected for few calls, and at is a plain position in the arguments.
//
//	r revision   a handled   n last accepted   q number of the last effect   o effects
//	d document   c claim     b snapshot
//	>id  number:data of an effect     @id  time:data of a timer
const common = `
local own, s, inbox, keys, due, ready, all, claims = unpack(KEYS)
local A, call, sid = ARGV, redis.call, ARGV[2]
local function many(command, key, members)
  local sum, n = 0, #members
  for i = 1, n, 5000 do sum = sum + call(command, key, unpack(members, i, math.min(i + 4999, n))) end
  return sum
end
local function add(fields, at, seq) -- timers, then effects, to the fields of the session
  local n, scheduled = #fields, {}
  for i = at + 1, at + 3 * tonumber(A[at]), 3 do
    fields[n + 1] = '@' .. A[i]
    fields[n + 2] = A[i + 1] .. ':' .. A[i + 2]
    n = n + 2
    scheduled[#scheduled + 1] = A[i + 1]
    scheduled[#scheduled + 1] = sid .. '\0' .. A[i]
  end
  if scheduled[1] then many('ZADD', due, scheduled) end
  at = at + 1 + 3 * tonumber(A[at])
  for i = at + 1, at + 2 * tonumber(A[at]), 2 do
    seq = seq + 1
    fields[n + 1] = '>' .. A[i]
    fields[n + 2] = seq .. ':' .. A[i + 1]
    n = n + 2
  end
  return tonumber(A[at])
end
local function finish(before, now)
  if now and not before then call('ZADD', ready, 0, sid) end
  if before and not now then call('ZREM', ready, sid) end
  if A[3] ~= '0' then
    for _, k in ipairs({s, inbox, keys}) do call('PEXPIRE', k, A[3]) end
  end
end
`

// load reads a session.
const load = `
local fields = redis.call('HGETALL', KEYS[2])
if #fields == 0 then return {'NOTFOUND'} end
return {'OK', fields, redis.call('LRANGE', KEYS[3], 0, -1)}
`

// touch writes something, so that WAIT covers what an earlier try has written.
const touch = `redis.call('HSET', KEYS[1], 'touch', '1') `

// leaseCommon reads the lease of a bucket, KEYS[1]. Epochs are at least the server's time in microseconds.
const leaseCommon = `
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local function num(n) return string.format('%.0f', n) end
local l = redis.call('HMGET', KEYS[1], 'e', 'o', 'u')
local epoch, owner, till = tonumber(l[1] or '0'), l[2] or '', tonumber(l[3] or '0')
local function raise() return num(math.max(epoch + 1, tonumber(t[1]) * 1000000 + tonumber(t[2]))) end
`

var (
	scriptPrepare = script(header + `
redis.call('HSETNX', KEYS[1], 'format', ARGV[1])
redis.call('HSETNX', KEYS[1], 'buckets', ARGV[2])
return {'OK', redis.call('HGET', KEYS[1], 'format'), redis.call('HGET', KEYS[1], 'buckets')}
`)

	scriptPutDocument = script(header + `
if redis.call('SETNX', KEYS[1], ARGV[1]) == 0 then redis.call('APPEND', KEYS[1], '') end -- a write that WAIT covers
return {'OK'}
`)

	scriptDocument = readScript(headerReads + `
local body = redis.call('GET', KEYS[1])
if not body then return {'NOTFOUND'} end
return {'OK', body}
`)

	// ARGV behind the first three: revision, handled, document, claim, snapshot, events, timers, effects.
	scriptCreate = script(header + fence + common + `
local acked, claim = tonumber(A[5]), A[7]
if call('EXISTS', s) == 1 then ` + touch + ` return {'EXISTS'} end
if claim ~= '' then
  local other = call('HGET', claims, claim)
  if other and call('EXISTS', string.sub(s, 1, #s - #sid) .. other) == 1 then ` + touch + ` return {'CLAIMED', other} end
  call('HSET', claims, claim, sid)
end
call('DEL', inbox, keys)
local tail, at = acked, 9
for i = at + 1, at + 2 * tonumber(A[at]), 2 do
  tail = tail + 1
  call('RPUSH', inbox, A[i] .. '\0' .. A[i + 1])
  if A[i] ~= '' then call('ZADD', keys, tail, A[i]) end
end
local fields = {'r', A[4], 'a', acked, 'n', tail, 'd', A[6], 'c', claim, 'b', A[8]}
local effects = add(fields, at + 1 + 2 * tonumber(A[at]), 0)
many('HSET', s, fields)
call('HSET', s, 'q', effects, 'o', effects)
call('ZADD', all, 0, sid)
finish(false, tail > acked or effects > 0)
return {'OK'}
`)

	// ARGV behind the first three: key, data, greatest inbox, key window.
	scriptAppend = script(header + common + `
local key, max = A[4], tonumber(A[6])
local head = call('HMGET', s, 'a', 'n', 'o')
if not head[2] then return {'NOTFOUND'} end
local acked, tail = tonumber(head[1]), tonumber(head[2])
if key ~= '' then
  local number = call('ZSCORE', keys, key)
  if number then ` + touch + ` return {'OK', string.format('%.0f', tonumber(number))} end
end
if max > 0 and tail - acked >= max then return {'FULL', tostring(tail - acked)} end
local ready = tail > acked or head[3] ~= '0'
tail = tail + 1
call('RPUSH', inbox, key .. '\0' .. A[5])
call('HSET', s, 'n', tail)
if key ~= '' then
  call('ZADD', keys, tail, key)
  call('ZREMRANGEBYSCORE', keys, '-inf', math.min(acked, tail - tonumber(A[7]) - 1))
end
finish(ready, true)
return {'OK', string.format('%.0f', tail)}
`)

	// ARGV behind the first three: revision, handled, whether there is a snapshot, snapshot,
	// confirmed, cleared timers, timers, effects.
	scriptCommit = script(header + fence + common + `
local rev, ack, at = A[4], tonumber(A[5]), 8
local gone, isGone = {}, {}
for i = at + 1, at + tonumber(A[at]) do gone[#gone + 1] = '>' .. A[i] isGone[A[i]] = true end
local confirmed = #gone
at = at + 1 + confirmed
local cleared, unscheduled = {}, {}
for i = at + 1, at + tonumber(A[at]) do
  cleared[#cleared + 1] = '@' .. A[i]
  unscheduled[#unscheduled + 1] = sid .. '\0' .. A[i]
end
at = at + 1 + #unscheduled
local effectsAt = at + 1 + 3 * tonumber(A[at])

local ask = {'r', 'a', 'n', 'q', 'o'}
for i = effectsAt + 1, effectsAt + 2 * tonumber(A[effectsAt]), 2 do
  if not isGone[A[i]] then ask[#ask + 1] = '>' .. A[i] end
end
local head = call('HMGET', s, unpack(ask, 1, math.min(#ask, 5000)))
if not head[1] then return {'NOTFOUND'} end
if head[1] ~= rev then ` + touch + ` return {'CONFLICT', head[1]} end
local acked, tail, seq, effects = tonumber(head[2]), tonumber(head[3]), tonumber(head[4]), tonumber(head[5])
if ack < acked or ack > tail then return {'POSITION', head[2], head[3]} end
for from = 1, #ask, 5000 do
  if from > 1 then head = call('HMGET', s, unpack(ask, from, math.min(from + 4999, #ask))) end
  for i = from == 1 and 6 or 1, #head do
    if head[i] then return {'EFFECT', string.sub(ask[from + i - 1], 2)} end
  end
end

local before = tail > acked or effects > 0
if ack > acked then call('LTRIM', inbox, ack - acked, -1) end
if unscheduled[1] then
  many('ZREM', due, unscheduled)
  many('HDEL', s, cleared)
end
if confirmed > 0 and effects > 0 then effects = effects - many('HDEL', s, gone) end
local fields = {'r', tonumber(rev) + 1, 'a', ack}
if A[6] == '1' then fields[5] = 'b' fields[6] = A[7] end
local added = add(fields, at, seq)
effects = effects + added
local n = #fields
fields[n + 1] = 'q' fields[n + 2] = seq + added
fields[n + 3] = 'o' fields[n + 4] = effects
many('HSET', s, fields)
finish(before, tail > ack or effects > 0)
return {'OK'}
`)

	// ARGV behind the first three: effects.
	scriptConfirm = script(headerRoom + fence + common + `
local head = call('HMGET', s, 'a', 'n', 'o')
if not head[2] then return {'NOTFOUND'} end
local waiting, effects = tonumber(head[2]) > tonumber(head[1]), tonumber(head[3])
local gone = 0
for i = 5, 4 + tonumber(A[4]) do gone = gone + call('HDEL', s, '>' .. A[i]) end
if gone > 0 then call('HSET', s, 'o', effects - gone) end
finish(waiting or effects > 0, waiting or effects > gone)
return {'OK'}
`)

	scriptDelete = script(headerRoom + fence + common + `
if redis.call('EXISTS', s) == 0 then ` + touch + ` return {'NOTFOUND'} end
local claim = redis.call('HGET', s, 'c')
if claim ~= '' and redis.call('HGET', claims, claim) == sid then redis.call('HDEL', claims, claim) end
for _, field in ipairs(redis.call('HKEYS', s)) do
  if string.sub(field, 1, 1) == '@' then redis.call('ZREM', due, sid .. '\0' .. string.sub(field, 2)) end
end
redis.call('DEL', s, inbox, keys)
redis.call('ZREM', ready, sid)
redis.call('ZREM', all, sid)
return {'OK'}
`)

	scriptLoad = readScript(headerReads + load)

	// A session that is loaded at LevelReplicated is answered when a replica has it, so that nobody
	// acts on what a fail-over takes back.
	scriptLoadReplicated = script(headerRoom + touch + load)

	// KEYS are those of a session; ARGV: after, limit.
	scriptInbox = readScript(headerReads + `
local head = redis.call('HMGET', KEYS[2], 'a', 'n')
if not head[2] then return {'NOTFOUND'} end
local acked, after, limit = tonumber(head[1]), tonumber(ARGV[1]), tonumber(ARGV[2])
if after < acked then after = acked end
local last = -1
if limit > 0 then last = after - acked + limit - 1 end
return {'OK', string.format('%.0f', after), redis.call('LRANGE', KEYS[3], after - acked, last)}
`)

	// KEYS: claims. ARGV: claim, prefix of session keys.
	scriptLookup = readScript(headerReads + `
local id = redis.call('HGET', KEYS[1], ARGV[1])
if not id or redis.call('EXISTS', ARGV[2] .. id) == 0 then return {'NOTFOUND'} end
return {'OK', id}
`)

	// KEYS: the set of sessions. ARGV: where to begin, count, prefix of the bucket. Sessions that
	// have expired are named with nothing behind.
	scriptPage = readScript(headerReads + `
local ids = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
local out = {'OK'}
for _, id in ipairs(ids) do
  local head = redis.call('HMGET', ARGV[3] .. 's:' .. id, 'r', 'a', 'n', 'd', 'c', 'o')
  if head[1] then
    local timers = 0
    for _, field in ipairs(redis.call('HKEYS', ARGV[3] .. 's:' .. id)) do
      if string.sub(field, 1, 1) == '@' then timers = timers + 1 end
    end
    out[#out + 1] = {id, head[1], head[2], head[3], head[4], head[5], tostring(timers), head[6]}
  else
    out[#out + 1] = {id}
  end
end
return out
`)

	// KEYS: due. ARGV: from, until, count.
	scriptDue = readScript(headerReads + `
return {'OK', redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYSCORE', 'LIMIT', 0, ARGV[3], 'WITHSCORES')}
`)

	// ARGV: owner, lease in milliseconds.
	scriptAcquire = script(header + leaseCommon + `
if owner ~= '' and owner ~= ARGV[1] and now < till then return {'HELD'} end
local e, u = raise(), num(now + tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'e', e, 'o', ARGV[1], 'u', u)
return {'OK', e, u}
`)

	// ARGV: owner, epoch, lease in milliseconds.
	scriptRenew = script(headerRoom + leaseCommon + `
if owner == '' or owner ~= ARGV[1] or num(epoch) ~= ARGV[2] then return {'HELD'} end
local u = num(now + tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'u', u)
return {'OK', ARGV[2], u}
`)

	// ARGV: owner, epoch.
	scriptRelease = script(headerRoom + leaseCommon + `
if owner == '' or owner ~= ARGV[1] or num(epoch) ~= ARGV[2] then return {'HELD'} end
redis.call('HSET', KEYS[1], 'e', raise())
redis.call('HDEL', KEYS[1], 'o', 'u')
return {'OK'}
`)

	scriptLease = readScript(headerReads + `
local l = redis.call('HMGET', KEYS[1], 'e', 'o', 'u')
return {'OK', l[1] or '0', l[2] or '', l[3] or '0'}
`)
)
