#pragma once
// One life with everything in it, told to a server that may die at any point, and what was promised until then.

#include <optional>
#include <string>

#include "e2e/server.h"

namespace mayfly::test {

/// A sandbox of the story, as far as answers have told.
struct Promise {
  std::string id;               // empty: its creation was not acknowledged
  std::string delete_task;      // of the acknowledged delete
  bool delete_asked = false;    // whether or not an answer came
  std::string fingerprint;      // what its known files hold, once an exec has said so
};

/// The host passes packets on while this lives: sandboxes with a way out need it.
class Forwarding {
 public:
  Forwarding();
  ~Forwarding();
  Forwarding(const Forwarding&) = delete;
  Forwarding& operator=(const Forwarding&) = delete;

 private:
  std::string before_;
};

class CrashStory {
 public:
  explicit CrashStory(Server& server) : server_(server) {}

  /// Plays until it ends or the server dies. True: it was played to the end.
  bool play();
  /// After a restart: everything that was promised holds, whatever was under way has ended.
  void check();

 private:
  bool import_image();
  bool begin_brief();
  bool make_volume();
  bool use_first();
  bool move_about();
  bool archive_first();
  bool restore();
  bool delete_restored();
  bool replace_volume();
  bool delete_archive();
  bool live_runtime();
  bool brief_ends();

  bool create(Promise& into, json::object wish);
  bool remove(Promise& what, const std::string& query);
  bool completed(const std::string& task);
  static json::array mounts();
  std::optional<std::string> fingerprint(const std::string& id);

  void check_sandbox(Promise& what, bool may_move);
  void check_ended(const Promise& what);
  void check_archive();
  void check_volume();
  void check_image();
  void check_brief();
  bool forest();
  void check_forest();
  void check_runtime();

  Server& server_;
  const Forwarding forwarding_;
  Promise brief_, first_, restored_;
  std::string archive_, archive_task_, image_task_;
  std::string volume_, volume_task_;
  std::string runtime_, runtime_task_, runtime_expiry_;
  bool runtime_delete_asked_ = false;
  bool archive_delete_asked_ = false, first_completed_ = false;
  bool volume_written_ = false, volume_delete_asked_ = false;
  std::string team_;
  bool restored_team_ = false, team_purge_asked_ = false;
};

}  // namespace mayfly::test
