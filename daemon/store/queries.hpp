// The prepared statements of queue.db, each in one place. Store thread only.
#pragma once

#include "store/sqlite.hpp"

namespace sluice::store {

struct Queries {
  explicit Queries(Database& db)
      : begin(db, "BEGIN IMMEDIATE"),
        commit(db, "COMMIT"),
        insert_chunk(db,
                     "INSERT INTO chunk(id,count,bytes,min_expiry,max_expiry,wall_ms,boot,crc,data) "
                     "VALUES(?,?,?,?,?,?,?,?,?)"),
        delete_chunk(db, "DELETE FROM chunk WHERE id=?"),
        chunk_head(
            db, "SELECT c.count,c.bytes,a.gone FROM chunk c LEFT JOIN chunk_ack a ON a.id=c.id WHERE c.id=?"),
        chunk_ids(db, "SELECT id,max_expiry FROM chunk WHERE id>=? AND id<=? ORDER BY id LIMIT ?"),
        chunks(
            db,
            "SELECT c.id,c.count,c.min_expiry,c.max_expiry,c.wall_ms,c.boot,c.crc,c.data,a.gone FROM chunk c "
            "LEFT JOIN chunk_ack a ON a.id=c.id WHERE c.id>=? AND c.id<=? ORDER BY c.id"),
        put_ack(db, "REPLACE INTO chunk_ack(id,gone) VALUES(?,?)"),
        delete_ack(db, "DELETE FROM chunk_ack WHERE id=?"),
        put_counter(db, "REPLACE INTO counter(id,value,bytes) VALUES(?,?,?)"),
        delete_counter(db, "DELETE FROM counter WHERE id=?"),
        put_ledger(db, "REPLACE INTO ledger(device,reason,count,bytes,first_ms,last_ms) VALUES(?,?,?,?,?,?)"),
        delete_ledger(db, "DELETE FROM ledger WHERE device=? AND reason=?"),
        put_name(db, "REPLACE INTO name(id,text,crc) VALUES(?,?,?)"),
        put_state(db, "REPLACE INTO state(space,key,value,crc) VALUES(?,?,?,?)"),
        delete_state(db, "DELETE FROM state WHERE space=? AND key=?"),
        scan_state(db, "SELECT key,value FROM state WHERE space=? ORDER BY key"),
        put_letter(
            db,
            "INSERT INTO dead_letter(id,lane,priority,device,route,wall_ms,bytes,topic,reason,properties,"
            "payload) VALUES(?,?,?,?,?,?,?,?,?,?,?)"),
        letter(db,
               "SELECT lane,priority,device,route,wall_ms,bytes,topic,properties,payload FROM dead_letter "
               "WHERE id=?"),
        letters(db,
                "SELECT id,lane,device,wall_ms,topic,reason,payload FROM dead_letter WHERE id>? ORDER BY id "
                "LIMIT ?"),
        delete_letter(db, "DELETE FROM dead_letter WHERE id=?"),
        oldest_letter(db, "SELECT id FROM dead_letter ORDER BY id LIMIT 1"),
        put_lane_drop(db, "REPLACE INTO lane_drop(lane,before_sequence,reason) VALUES(?,?,?)"),
        lane_drops(db, "SELECT lane,before_sequence,reason FROM lane_drop ORDER BY lane LIMIT 1"),
        delete_lane_drop(db, "DELETE FROM lane_drop WHERE lane=?"),
        put_boot_offset(db, "UPDATE boot SET offset_ms=? WHERE id=?") {}

  Statement begin, commit;
  Statement insert_chunk, delete_chunk, chunk_head, chunk_ids, chunks;
  Statement put_ack, delete_ack;
  Statement put_counter, delete_counter, put_ledger, delete_ledger;
  Statement put_name, put_state, delete_state, scan_state;
  Statement put_letter, letter, letters, delete_letter, oldest_letter;
  Statement put_lane_drop, lane_drops, delete_lane_drop;
  Statement put_boot_offset;
};

}  // namespace sluice::store
