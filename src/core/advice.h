#pragma once
// What doctor says of each kind of trouble: what becomes of it by itself, what a person can do, and what `--fix` does
// once somebody has confirmed it. The words are data, so that no trouble is without them.

#include <string_view>

#include "core/reconcile.h"

namespace mayfly::reconcile {

/// What `--fix` does. Nothing of a workspace goes without an archive or a recorded waiver, here neither.
enum class Remedy {
  none,             // only a person can mend it
  settle,           // at once what the reconciler does in its next pass
  adopt,            // a record for what has none, and its delete with an archive; nothing waits in quarantine
  remove,           // its delete, with an archive where there is anything to archive
  remove_archive,   // the archive goes the way of all archives
  retry,            // the delete is tried again now
  dismiss,          // somebody has seen to it: the record of it goes
};

struct Advice {
  Trouble trouble;
  Remedy remedy;
  std::string_view by_itself;   // what will happen if nobody does anything
  std::string_view to_do;       // what to do
  std::string_view fix;         // what --fix does; empty for Remedy::none
  bool deep = false;            // found only by reading everything back
};
const Advice& advise(Trouble trouble);

}  // namespace mayfly::reconcile
