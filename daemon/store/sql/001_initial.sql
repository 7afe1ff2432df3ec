-- Readings, one row per chunk (chunk.hpp): the rowid is lane, priority and age. `data` comes last, so that the rest is
-- on the leaf page and the data's overflow pages are read only when wanted.
CREATE TABLE chunk(
  id INTEGER PRIMARY KEY, count INTEGER NOT NULL, bytes INTEGER NOT NULL,
  min_expiry INTEGER NOT NULL, max_expiry INTEGER NOT NULL,
  wall_ms INTEGER NOT NULL, boot INTEGER NOT NULL, crc INTEGER NOT NULL, data BLOB NOT NULL);
-- Which records of a chunk have gone, while others are still there.
CREATE TABLE chunk_ack(id INTEGER PRIMARY KEY, gone BLOB NOT NULL);
-- Totals (accounts.hpp: CounterId) and the depth of each queue, so that opening never counts rows.
CREATE TABLE counter(id INTEGER PRIMARY KEY, value INTEGER NOT NULL, bytes INTEGER NOT NULL);
CREATE TABLE ledger(
  device INTEGER NOT NULL, reason INTEGER NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL,
  first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, PRIMARY KEY(device, reason)) WITHOUT ROWID;
-- crc: a salvage must know these rows when it meets them on a page that nothing points to any more.
CREATE TABLE name(id INTEGER PRIMARY KEY, text BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE state(space INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, crc INTEGER NOT NULL,
  PRIMARY KEY(space, key)) WITHOUT ROWID;
CREATE TABLE dead_letter(
  id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, priority INTEGER NOT NULL, device INTEGER NOT NULL,
  route INTEGER NOT NULL, wall_ms INTEGER NOT NULL, bytes INTEGER NOT NULL,
  topic BLOB NOT NULL, reason BLOB NOT NULL, properties BLOB NOT NULL, payload BLOB NOT NULL);
-- Lanes whose readings older than a sequence are being dropped, a few chunks at a time.
CREATE TABLE lane_drop(lane INTEGER PRIMARY KEY, before_sequence INTEGER NOT NULL, reason INTEGER NOT NULL);
-- Boots in which readings came before the wall clock was plausible; offset_ms: wall clock minus time since boot,
-- once known.
CREATE TABLE boot(id INTEGER PRIMARY KEY, boot_id BLOB NOT NULL UNIQUE, offset_ms INTEGER);
CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
