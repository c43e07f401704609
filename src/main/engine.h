#pragma once
// The whole machine: every concrete class is named here and in serve.cc, nowhere else. Threads, timers and pools live
// here too; what they run has none of its own.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "api/services.h"
#include "app/awake_agent.h"
#include "app/deadlines.h"
#include "app/disk_watch.h"
#include "app/worker.h"
#include "app/holds.h"
#include "app/image_builds.h"
#include "app/path_restore.h"
#include "app/trash.h"
#include "archive/folder.h"
#include "archive/tar_reader.h"
#include "driver/agent_client/agent_client.h"
#include "driver/crun/crun_driver.h"
#include "driver/crun/images.h"
#include "driver/crun/sqlite_files.h"
#include "main/alarm.h"
#include "main/clock.h"
#include "main/config.h"
#include "main/data_folder.h"
#include "main/executor.h"
#include "main/measured_driver.h"
#include "main/request_counts.h"
#include "store/sqlite/store.h"

namespace mayfly {

class Engine {
 public:
  /// Opens everything, in the order of dependence; nothing runs yet.
  static Result<std::unique_ptr<Engine>> open(const Config& config, DataFolder folder, const AdminKey& key);
  ~Engine();

  /// Compares the host with the database while no server runs; changes neither.
  static Result<Report> examine(const Config& config, DataFolder folder);

  /// Waits for helpers of an earlier life, compares host and database, then sets the loops going.
  Status start();
  /// Callers that only wait are answered as things stand, and streams end with a word.
  void end_waits();
  /// Lets effects that are under way end; sandboxes live on.
  void stop();

  api::Services& services() { return *services_; }
  std::string metrics() const;
  RequestCounts requests;   // for whoever serves

 private:
  Engine(const Config& config, DataFolder folder);
  Status open_store();
  Status open_driver();
  void wire();
  Status wire_runtimes();
  void listen_to_commits();
  Status check_disk() const;

  void work(Lane lane);
  void keep_time();
  void keep_house();
  void purge_cleanups();
  void keep_pool();
  void watch_sleepers();
  void reconcile();
  Bell& bell(Lane lane) { return lane == Lane::fast ? fast_bell_ : slow_bell_; }

  const Config config_;
  DataFolder folder_;
  BootClock clock_;
  SystemRandom random_;
  std::string boot_id_;
  Installation installation_;

  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<AgentClient> agent_;
  std::unique_ptr<CrunDriver> driver_;
  std::unique_ptr<MeasuredDriver> measured_;   // what app/ calls it by
  std::unique_ptr<ImageFolder> images_;
  std::unique_ptr<FolderBlobStore> blobs_;
  TarReader reader_;

  std::unique_ptr<Executor> executor_;
  UidLocks locks_;
  std::unique_ptr<Waiting> waiting_;
  std::unique_ptr<Deletion> deletion_;
  std::unique_ptr<ActivityLog> activity_;
  std::unique_ptr<Pool> pool_;
  std::unique_ptr<Standby> standby_;
  std::unique_ptr<AwakeAgent> awake_agent_;    // what app/ calls it by
  std::unique_ptr<Sandboxes> sandboxes_;
  std::unique_ptr<Idempotency> idempotency_;
  std::unique_ptr<Execution> execution_;
  std::unique_ptr<Archiver> archiver_;
  std::unique_ptr<ImageCatalog> catalog_;
  std::unique_ptr<ImageBuilds> builds_;
  std::unique_ptr<Steps> steps_;
  std::unique_ptr<Transitions> transitions_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Deadlines> deadlines_;
  std::unique_ptr<Reconciler> reconciler_;
  std::unique_ptr<DiskWatch> disk_watch_;
  std::unique_ptr<Archives> archives_;
  std::unique_ptr<PathRestore> path_restore_;
  std::unique_ptr<Cleanups> cleanups_;
  std::unique_ptr<CleanupControl> cleanup_control_;
  std::unique_ptr<Lists> lists_;
  std::unique_ptr<StaleSweep> stale_;
  std::unique_ptr<Access> access_;
  std::unique_ptr<People> people_;
  std::unique_ptr<Keys> keys_;
  std::unique_ptr<Workspaces> workspaces_;
  std::unique_ptr<SqliteFiles> databases_;
  std::unique_ptr<Volumes> volumes_;
  std::unique_ptr<Forest> forest_;
  std::unique_ptr<Trash> trash_;
  std::unique_ptr<Holds> holds_;
  std::unique_ptr<Doctor> doctor_;
  std::unique_ptr<Explanations> explanations_;
  std::unique_ptr<Runtimes> runtimes_;
  std::unique_ptr<DataTokens> tokens_;
  std::unique_ptr<api::Services> services_;

  Bell fast_bell_, slow_bell_, house_bell_, reconcile_bell_, pool_bell_, sleep_bell_;
  Alarm alarm_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> ready_{false};
  std::vector<std::thread> threads_;
  std::mutex builder_mutex_;
  std::thread builder_;
};

}  // namespace mayfly
