#pragma once
// A data folder, a driver on it, and the means to look at a sandbox from inside and at the host from outside.
// Nothing of a world is left on the host when it ends; a test that leaves something fails.

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "driver/agent_client/agent_client.h"
#include "driver/crun/crun_driver.h"
#include "driver/crun/images.h"
#include "os/process.h"

namespace mayfly::test {

/// A folder of its own below the temporary folder, removed with all in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// "t" and some hex digits that no other world has.
std::string fresh_instance();
Uuid fresh_uid();

/// Everything on the host that carries the instance or lies below the folder: mounts, cgroups (those in the tmpfs
/// below a hybrid host's `unified` too) and processes.
std::vector<std::string> traces_of(const std::string& instance, const std::string& folder);

class CrunWorld : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// A driver on the same data folder, as after a restart of the server.
  void restart();
  CrunOptions options();
  void drive(CrunOptions options);

  LaunchSpec launch(int generation = 1);                     // of one uid
  LaunchSpec launch_of(const Uuid& uid, int generation = 1);
  LaunchSpec started(int generation = 1);                    // launched, and expected to run
  /// Kills, releases and discards it with a waiver.
  void destroy(const LaunchSpec& launch);
  LayerRef layer_of(const LaunchSpec& launch) const;
  DeletePermit waiver(const LaunchSpec& launch) const;

  /// Runs a shell line in the sandbox as its root would.
  os::RunOutcome inside(const LaunchSpec& launch, const std::string& line);
  std::string upper(const LaunchSpec& launch) const;
  int first_process(const LaunchSpec& launch) const;

  TemporaryFolder folder_;
  std::string instance_ = fresh_instance();
  Uuid uid_ = fresh_uid();
  crun::Layout layout_{folder_.path() + "/data", instance_};
  std::unique_ptr<ImageFolder> images_;
  Image image_;
  std::unique_ptr<CrunDriver> driver_;
  AgentClient agent_{[this](const Incarnation& to) { return driver_->agent_socket(to); }};
};

}  // namespace mayfly::test
