#pragma once
// What each transitional state of a sandbox asks for: starting, pausing, resuming and stopping. The row in that state
// is the intent; here are the effect and the record of it.

#include <functional>

#include "app/steps.h"

namespace mayfly {

class Transitions {
 public:
  Transitions(Store& store, Driver& driver, BlobStore& blobs, Random& random, const Installation& installation)
      : store_(store), driver_(driver), blobs_(blobs), random_(random), installation_(installation) {}

  /// The effect of the state that the sandbox was claimed in.
  Result<Commit> perform(const Sandbox& sandbox);

  /// What an attempt that failed means: tried again later, or given up. Runs in the recording transaction.
  Status failed(Transaction& t, Sandbox sandbox, const Error& error);

  /// Called after each start that the host could not make all as asked.
  std::function<void(const Sandbox&, const std::vector<std::string>& caveats)> started_with_caveats =
      [](const Sandbox&, const std::vector<std::string>&) {};

 private:
  Result<Commit> start(const Sandbox& sandbox);
  Status files_are_there(const Sandbox& sandbox);
  Result<std::vector<MountedVolume>> volumes_of(const Sandbox& sandbox);
  Status restore(const Sandbox& sandbox);
  Result<Commit> freeze(const Sandbox& sandbox);
  Result<Commit> thaw(const Sandbox& sandbox);
  Result<Commit> stop(const Sandbox& sandbox);
  Commit moves(const Sandbox& sandbox, lifecycle::Move move, std::string event);

  Store& store_;
  Driver& driver_;
  BlobStore& blobs_;
  Random& random_;
  const Installation& installation_;
};

}  // namespace mayfly
