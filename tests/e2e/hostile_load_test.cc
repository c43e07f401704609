// Guests that take all they can get. Each is held to its limits, is to be seen and can be deleted, and the others'
// calls are answered meanwhile. How fast they are stands in the bench; here they only have to be right.

#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/server.h"
#include "os/file.h"

namespace mayfly::test {
namespace {

class HostileLoad : public ::testing::TestWithParam<const char*> {
 protected:
  HostileLoad() {
    EXPECT_TRUE(server.start());
    good = made({{"name", "good"}});
  }
  ~HostileLoad() override { server.end(); }

  std::string made(json::object wish) {
    const auto answer = server.api().create(std::move(wish));
    EXPECT_EQ(answer.status, 201) << answer;
    return answer.string("id");
  }
  void start_in(const std::string& id, const std::string& line) {
    const auto started = server.api().post(Api::of(id, "exec"), json::object{{"command", line}, {"wait", false}});
    EXPECT_EQ(started.status, 202) << started;
  }
  /// Another tenant's work goes on.
  void others_are_served() {
    for (int i = 0; i < 50; ++i) EXPECT_EQ(server.api().output(good, "echo fine"), "fine\n");
    const auto another = made({});
    server.delete_now(another);
  }

  Server server;
  std::string good;
};

TEST_P(HostileLoad, IsBoundedVisibleAndDeletable) {
  const auto bad = made({{"name", "bad"},
                         {"resources", json::object{{"memory_mb", 64}, {"pids", 64}, {"cpus", 0.5}, {"disk_mb", 64}}}});
  start_in(bad, GetParam());
  std::this_thread::sleep_for(500ms);
  others_are_served();
  const auto seen = server.api().get(Api::of("bad"));
  EXPECT_EQ(seen.status, 200) << seen;
  server.delete_now(bad);
  EXPECT_EQ(server.traces_of(bad.substr(4)), std::vector<std::string>());
}

std::string name_of_guest(const ::testing::TestParamInfo<const char*>& info) {
  constexpr const char* names[] = {"ForkBomb", "MemoryHog", "DiskFiller", "LogFlood", "IgnoresSignals", "Folders"};
  return names[info.index];
}

INSTANTIATE_TEST_SUITE_P(
    Guests, HostileLoad,
    ::testing::Values("bomb() { bomb | bomb & }; bomb; wait",                                // forks
                      "while true; do head -c 200m /dev/zero | tail -c 190m > /dev/null; done",   // memory
                      "dd if=/dev/zero of=/filler bs=1M",                                         // disk
                      "yes a long line of a log that nobody reads",                               // log
                      "trap '' TERM INT HUP; while true; do :; done",                             // signals
                      "i=0; while true; do i=$((i+1)); mkdir /d$i; done"),                        // entries
    name_of_guest);

class Crowd : public HostileLoad {};

/// As many as this machine lets one process have, up to ten thousand, and they say nothing.
TEST_P(Crowd, OfSilentConnectionsLeavesRoomForOthers) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  const auto port = static_cast<std::uint16_t>(std::atoi(server.url().c_str() + server.url().rfind(':') + 1));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<os::Fd> crowd;
  for (int i = 0; i < 10'000; ++i) {
    os::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_GE(fd.get(), 0) << "at " << i;
    ASSERT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0) << "at " << i;
    crowd.push_back(std::move(fd));
  }
  others_are_served();
  EXPECT_TRUE(server.connect().get("/healthz").fine()) << "and new ones are let in";
}

INSTANTIATE_TEST_SUITE_P(Guests, Crowd, ::testing::Values(""));

}  // namespace
}  // namespace mayfly::test
