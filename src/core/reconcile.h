#pragma once
// What the host has against what the database says: one comparison, which the reconciler acts on and doctor prints.

#include <optional>
#include <string>
#include <vector>

#include "core/resource.h"

namespace mayfly::reconcile {

/// Something seen on the host, reduced to what matters here.
struct Seen {
  Uuid uid;
  int generation = 0;   // 0: a layer, which belongs to none
  int layer = 0;        // 0: not a layer
  bool runs = false;    // processes in a cgroup
  bool trash = false;
  std::string what;     // "cgroup /sys/...": for people
  Kind kind = Kind::sandbox;   // what it looks like
  std::string where = {};      // its place alone
};

/// Something the database says.
struct Row {
  ResourceId id;
  std::string name;
  State state = State::running;
  int generation = 0;
  int layer = 1;
  bool has_files = false;   // it has started once, so its layer must be there until it is deleted
  bool in_flight = false;   // a worker is at it, or about to be: the host may be anywhere between
};

enum class Trouble {
  unknown,          // no row or tombstone has its uid
  old_generation,   // a container of a generation that is over
  should_not_run,   // the row says it is stopped or gone, and there is a container of it
  leftover,         // the row is gone, and files of it are left
  trash,            // discarded with a permit, and its bytes are still there
  old_layer,        // files of a layer that was replaced
  vanished,         // the row says it runs, and no process of it is there
  files_missing,    // it has files, and its layer is not there
  image_missing,    // an image has a name, and its files are not there
  stranger,         // something lies in the data folder under a name that is never given
  clash,            // the host's own things contradict each other: a range of ids that two sandboxes have
  archive_missing,  // an archive is recorded, and an object of it is not there
  archive_size,     // the object has another size than the record
  archive_damaged,  // its bytes are not those that were archived
  stray_object,     // an object belongs to no archive
  quarantined,      // it was found in no row, and waits for its end
  deadline_late,    // a deadline has passed, and nothing came of it
  task_failed,      // a cleanup task has given up
  task_stuck,       // it tries for ever
  tree_broken,      // a delete that cannot end by itself
  dangling,         // a row that names what is not there
  skipped,          // somebody skipped a step of a delete: what it should have removed may still be there
};
std::string_view name(Trouble trouble);

struct Finding {
  Trouble trouble;
  Uuid uid;
  ResourceId id;            // empty when unknown
  int generation = 0;
  int layer = 0;
  std::string text;         // one sentence for people, naming the thing
  Kind kind = Kind::sandbox;   // of what is unknown: what it looks like
  std::string where = {};      // the one thing it is about: a path, a key, an id
  std::optional<Time> since = {};   // as far as the database knows
};

/// What names a finding from one look to the next: its trouble and its thing.
std::string key_of(const Finding& finding);

/// Every difference. Rows that are in flight are compared only for generations and layers that are over.
std::vector<Finding> compare(const std::vector<Seen>& seen, const std::vector<Row>& rows);

/// So much is unknown that the database is more likely wrong (restored from an old backup) than the host.
bool suspicious(std::size_t unknown_uids, std::size_t all_uids);

}  // namespace mayfly::reconcile
