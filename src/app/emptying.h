#pragma once
// The delete of what other things lie in: each of them begins its own, below the same root.

#include "app/deletion.h"

namespace mayfly {

class Emptying {
 public:
  Emptying(Store& store, const Deletion& deletion) : store_(store), deletion_(deletion) {}

  /// Begins the delete of everything in it that is not deleted yet, again until nothing new appears. A refusal names
  /// one that could not be begun; all the others were.
  Status empty(const Task& step) const;

  /// busy while something in it is not gone yet, naming it; what has come in meanwhile is deleted like the rest.
  Status confirm(const Task& step) const;

 private:
  struct Pass {
    std::string after;
    std::size_t begun = 0;
    std::optional<Resource> left;      // the first that is not gone
    Status refusal;
  };
  Result<bool> next_page(const Task& step, Kind kind, Pass& pass) const;
  Result<bool> still_needed(Transaction& t, const Resource& row) const;
  Result<Pass> go_through(const Task& step) const;

  Store& store_;
  const Deletion& deletion_;
};

}  // namespace mayfly
