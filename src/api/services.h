#pragma once

#include <functional>
#include <string>

#include "app/access.h"
#include "app/archives.h"
#include "app/cleanup_control.h"
#include "app/cleanups.h"
#include "app/data_tokens.h"
#include "app/doctor.h"
#include "app/execution.h"
#include "app/explanations.h"
#include "app/forest.h"
#include "app/holds.h"
#include "app/idempotency.h"
#include "app/image_builds.h"
#include "app/image_catalog.h"
#include "app/keys.h"
#include "app/lists.h"
#include "app/path_restore.h"
#include "app/people.h"
#include "app/runtimes.h"
#include "app/sandboxes.h"
#include "app/stale_sweep.h"
#include "app/standby.h"
#include "app/trash.h"
#include "app/volumes.h"
#include "app/workspaces.h"

namespace mayfly::api {

/// How clients reach this server.
struct Front {
  std::string public_url = {};                    // without a slash at its end; empty: links are paths
  std::string data_url = {};                      // of the listener that ports have to themselves, if they have one
  bool https = false;
  std::chrono::milliseconds port_idle{600'000};   // a connection to a port without a byte either way
  std::map<std::string, std::string> minimum_clients = {};   // programs by name, and the least version of each
};

/// All that a dialect may call.
struct Services {
  Sandboxes& sandboxes;
  Execution& execution;
  Archives& archives;
  Cleanups& cleanups;
  StaleSweep& stale;
  ImageCatalog& images;
  Access& access;
  Idempotency& idempotency;
  People& people;
  Keys& keys;
  Workspaces& workspaces;
  const Standby& standby;
  Volumes& volumes;
  ImageBuilds& builds;
  PathRestore& path_restore;
  Doctor& doctor;
  Explanations& explanations;
  Lists& lists;
  Forest& forest;
  Trash& trash;
  Holds& holds;
  Runtimes& runtimes;
  const DataTokens& tokens;
  CleanupControl& cleanup_control;
  std::function<Status()> ready;                            // what is not ready, in a sentence
  std::function<std::string()> metrics;                     // Prometheus text
  std::string openapi;                                      // the document, as JSON
  std::function<void(std::function<void()>)> post;          // runs it on a thread that may block
  std::function<Result<std::string>(Duration)> move_clock;  // test builds only: the time after the move
  Front front = {};
};

}  // namespace mayfly::api
