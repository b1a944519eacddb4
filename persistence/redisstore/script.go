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

// common: the keys and the first arguments of a write to a session, and what several scripts do at their
// end. What costs is each call of the server, each closure, and each string that is made, so a session's effects
// and timers are fields of its one hash, and what is written comes from the client ready for it, in lists that need
// only be handed on, 5000 members at a time, as Lua's stack is bounded.
//
//	r revision   a handled   n last accepted   o effects   d document   c claim     b snapshot
//	>id  revision:index:data of an effect      @id  time:data of a timer
const common = `
local own, s, inbox, keys, due, ready, all, claims = unpack(KEYS)
local A, call, min, unpack = ARGV, redis.call, math.min, unpack
local function finish(before, now)
  if now and not before then call('ZADD', ready, 0, A[2]) end
  if before and not now then call('ZREM', ready, A[2]) end
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

// clock reads the server's clock: now is in milliseconds.
const clock = `
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local function num(n) return string.format('%.0f', n) end
`

// leaseCommon reads the lease of a bucket, KEYS[1]. Epochs are at least the server's time in microseconds.
const leaseCommon = clock + `
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

	// KEYS: document, times of the bucket's documents. ARGV: body, digest, age in milliseconds at which the time is renewed.
	scriptPutDocument = script(header + clock + `
local put = redis.call('ZSCORE', KEYS[2], ARGV[2])
if redis.call('SETNX', KEYS[1], ARGV[1]) == 0 and put and now - tonumber(put) < tonumber(ARGV[3]) then
  redis.call('APPEND', KEYS[1], '') -- a write that WAIT covers
  return {'OK'}
end
redis.call('ZADD', KEYS[2], num(now), ARGV[2])
return {'OK'}
`)

	scriptDocument = readScript(headerReads + `
local body = redis.call('GET', KEYS[1])
if not body then return {'NOTFOUND'} end
return {'OK', body}
`)

	// KEYS: times of the bucket's documents. ARGV: age in milliseconds, prefix of documents.
	scriptDocuments = readScript(headerReads + clock + `
local upto = '+inf'
if ARGV[1] ~= '0' then upto = num(now - tonumber(ARGV[1])) end
local out, l = {'OK'}, redis.call('ZRANGE', KEYS[1], '-inf', upto, 'BYSCORE', 'WITHSCORES')
for i = 1, #l, 2 do out[#out + 1] = {l[i], l[i + 1], num(redis.call('STRLEN', ARGV[2] .. l[i]))} end
return out
`)

	// KEYS: document, times of the bucket's documents. ARGV: digest, time.
	scriptDropDocument = script(headerRoom + `
if redis.call('EXISTS', KEYS[1]) == 0 then return {'NOTFOUND'} end
if tonumber(redis.call('ZSCORE', KEYS[2], ARGV[1]) or '0') > tonumber(ARGV[2]) then
  redis.call('APPEND', KEYS[1], '') -- a write that WAIT covers
  return {'OK', '0'}
end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return {'OK', '1'}
`)

	// ARGV behind the first three: handled, claim, ready, where the events end, and where the times of timers do.
	// From 9: events (key, entry), times of timers (time, member), fields of the session.
	scriptCreate = script(header + fence + common + `
local claim, events, scheduled = A[5], tonumber(A[7]), tonumber(A[8])
if call('EXISTS', s) == 1 then ` + touch + ` return {'EXISTS'} end
if claim ~= '' then
  local other = call('HGET', claims, claim)
  if other and call('EXISTS', string.sub(s, 1, #s - #A[2]) .. other) == 1 then ` + touch + ` return {'CLAIMED', other} end
  call('HSET', claims, claim, A[2])
end
call('DEL', inbox, keys)
for i = 9, events, 2 do
  call('RPUSH', inbox, A[i + 1])
  if A[i] ~= '' then call('ZADD', keys, tonumber(A[4]) + (i - 7) / 2, A[i]) end
end
for i = events + 1, scheduled, 5000 do call('ZADD', due, unpack(A, i, min(i + 4999, scheduled))) end
for i = scheduled + 1, #A, 5000 do call('HSET', s, unpack(A, i, min(i + 4999, #A))) end
call('ZADD', all, 0, A[2])
finish(false, A[6] == '1')
return {'OK'}
`)

	// ARGV behind the first three: key, entry, greatest inbox, key window.
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
call('RPUSH', inbox, A[5])
call('HSET', s, 'n', tail)
if key ~= '' then
  call('ZADD', keys, tail, key)
  call('ZREMRANGEBYSCORE', keys, '-inf', min(acked, tail - tonumber(A[7]) - 1))
end
finish(ready, true)
return {'OK', string.format('%.0f', tail)}
`)

	// KEYS: own, session, due, ready, inbox, and keys where there is a time to live. ARGV: epoch, revision, numbers
	// (handled, time to live, new effects, and where each of the lists ends but the last). From 4: fields of new effects;
	// fields of confirmed effects; fields of timers to be cleared; their members; times of timers (time, member); further
	// fields to be written. The numbers come as one argument, as each one costs. The bucket's own key is as long as what
	// the session's begins with, and a letter.
	scriptCommit = script(header + fence + `
local A, call, min, unpack = ARGV, redis.call, math.min, unpack
local s, due = KEYS[2], KEYS[3]
local ack, ttl, added, asked, confirmed, cleared, unscheduled, scheduled = struct.unpack('<dddddddd', A[3])
local head = call('HMGET', s, 'r', 'a', 'n', 'o', unpack(A, 4, min(asked, 5003)))
if not head[1] then return {'NOTFOUND'} end
if head[1] ~= A[2] then ` + touch + ` return {'CONFLICT', head[1]} end
local acked, tail, effects = head[2] + 0, head[3] + 0, head[4] + 0
if ack < acked or ack > tail then return {'POSITION', head[2], head[3]} end
for from = 4, asked, 5000 do
  if from > 4 then head = call('HMGET', s, 'r', 'a', 'n', 'o', unpack(A, from, min(from + 4999, asked))) end
  for i = 5, #head do
    if head[i] then return {'EFFECT', string.sub(A[from + i - 5], 2)} end
  end
end

local before = tail > acked or effects > 0
if ack > acked then call('LTRIM', KEYS[5], ack - acked, -1) end
for i = asked + 1, confirmed, 5000 do effects = effects - call('HDEL', s, unpack(A, i, min(i + 4999, confirmed))) end
for i = confirmed + 1, cleared, 5000 do call('HDEL', s, unpack(A, i, min(i + 4999, cleared))) end
for i = cleared + 1, unscheduled, 5000 do call('ZREM', due, unpack(A, i, min(i + 4999, unscheduled))) end
for i = unscheduled + 1, scheduled, 5000 do call('ZADD', due, unpack(A, i, min(i + 4999, scheduled))) end
effects = effects + added
call('HSET', s, 'r', A[2] + 1, 'a', ack, 'o', effects, unpack(A, scheduled + 1, min(scheduled + 5000, #A)))
for i = scheduled + 5001, #A, 5000 do call('HSET', s, unpack(A, i, min(i + 4999, #A))) end
local now = tail > ack or effects > 0
if now and not before then call('ZADD', KEYS[4], 0, string.sub(s, #KEYS[1])) end
if before and not now then call('ZREM', KEYS[4], string.sub(s, #KEYS[1])) end
if ttl > 0 then
  for _, i in ipairs({2, 5, 6}) do call('PEXPIRE', KEYS[i], ttl) end
end
return {'OK'}
`)

	// ARGV behind the first three: effects.
	scriptConfirm = script(headerRoom + fence + common + `
local head = call('HMGET', s, 'a', 'n', 'o')
if not head[2] then return {'NOTFOUND'} end
local waiting, effects = tonumber(head[2]) > tonumber(head[1]), tonumber(head[3])
local gone = 0
for i = 4, #A, 5000 do gone = gone + call('HDEL', s, unpack(A, i, min(i + 4999, #A))) end
if gone > 0 then call('HSET', s, 'o', effects - gone) end
finish(waiting or effects > 0, waiting or effects > gone)
return {'OK'}
`)

	scriptDelete = script(headerRoom + fence + common + `
if call('EXISTS', s) == 0 then ` + touch + ` return {'NOTFOUND'} end
local claim = call('HGET', s, 'c')
if claim ~= '' and call('HGET', claims, claim) == A[2] then call('HDEL', claims, claim) end
for _, field in ipairs(call('HKEYS', s)) do
  if string.sub(field, 1, 1) == '@' then call('ZREM', due, A[2] .. '\0' .. string.sub(field, 2)) end
end
call('DEL', s, inbox, keys)
call('ZREM', ready, A[2])
call('ZREM', all, A[2])
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
