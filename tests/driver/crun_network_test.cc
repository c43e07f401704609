// The way out of a sandbox, with real packets: a server in a network namespace of its own stands for the internet.
#include <csignal>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver/crun_world.h"
#include "os/file.h"

namespace mayfly::test {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

namespace {

constexpr const char* forwarding = "/proc/sys/net/ipv4/ip_forward";
// A network of documentation's own: neither private nor anybody's.
constexpr const char* host_end = "203.0.113.1";
constexpr const char* server = "203.0.113.2";

std::string shell(const std::string& line) {
  os::RunOptions options;
  options.argv = {"/bin/sh", "-ec", line};
  const auto done = os::run(options);
  if (!done || done->exit_code != 0)
    ADD_FAILURE() << line << ": " << (done ? done->err : done.error().message);
  return done ? done->out : "";
}

/// What a host shows of networks: links, namespaces, rules.
std::string networks() { return shell("ip -o link | sed 's/^[0-9]*: //'; ip netns list; nft list ruleset"); }

}  // namespace

class CrunNetworkTest : public CrunWorld {
 protected:
  void SetUp() override {
    CrunWorld::SetUp();
    forwarded_ = os::read_file(forwarding, 16).value().substr(0, 1);
    before_ = networks();
    shell("echo 1 > " + std::string(forwarding) + "; ip netns add " + outside_ + "; ip link add " + link_ +
          " type veth peer name up0 netns " + outside_ + "; ip addr add " + host_end + "/24 dev " + link_ +
          "; ip link set " + link_ + " up; ip -n " + outside_ + " addr add " + server + "/24 dev up0; ip -n " +
          outside_ + " link set up0 up");
    ASSERT_TRUE(os::write_file(folder_.path() + "/word", "from outside\n"));
    serve({"ip", "netns", "exec", outside_, "busybox", "httpd", "-f", "-p", std::string(server) + ":8080"});
    serve({"busybox", "httpd", "-f", "-p", "8081"});
  }

  void TearDown() override {
    for (const pid_t pid : servers_) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
    shell("ip netns del " + outside_ + "; ip link del " + link_ + " 2>/dev/null || true; echo " + forwarded_ + " > " +
          forwarding);
    EXPECT_EQ(os::read_file(forwarding, 16).value().substr(0, 1), forwarded_);
    EXPECT_EQ(networks(), before_);
    CrunWorld::TearDown();
  }

  void serve(const std::vector<std::string>& argv) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (::chdir(folder_.path().c_str()) != 0) ::_exit(126);
      std::vector<char*> words;
      for (const auto& word : argv) words.push_back(const_cast<char*>(word.c_str()));
      words.push_back(nullptr);
      ::execvp(words[0], words.data());
      ::_exit(127);
    }
    servers_.push_back(pid);
  }

  LaunchSpec connected() {
    auto wish = launch_of(fresh_uid());
    wish.spec.network = NetworkAccess::outbound;
    const auto done = driver_->start(wish);
    EXPECT_TRUE(done) << done.error().message;
    return wish;
  }

  /// What a request from there gets; empty when nothing came back. A static busybox crashes in its wget.
  static std::string request(const std::string& address, const std::string& port) {
    return "printf 'GET /word HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 2 " + address + " " + port +
           " 2>/dev/null | tail -n 1";
  }
  std::string fetched(const LaunchSpec& from, const std::string& address, const std::string& port) {
    return inside(from, request(address, port)).out;
  }

  std::string address_in(const LaunchSpec& sandbox) {
    return inside(sandbox, "ip -o -4 addr show eth0 | sed 's/.*inet //; s,/.*,,' | tr -d '\\n'").out;
  }

  const std::string outside_ = "o" + instance_.substr(0, 12);
  const std::string link_ = "l" + instance_.substr(0, 12);
  std::string before_, forwarded_;
  std::vector<pid_t> servers_;
};

TEST_F(CrunNetworkTest, LeadsOutAndNowhereElse) {
  const auto sandbox = connected(), neighbour = connected();
  inside(neighbour, "cd /tmp && echo next door > word && httpd -p 8082 -h /tmp");

  EXPECT_EQ(fetched(sandbox, server, "8080"), "from outside\n");
  EXPECT_EQ(fetched(sandbox, host_end, "8081"), "") << "the host by the address of its way out";
  EXPECT_EQ(fetched(sandbox, "169.254.1.1", "8081"), "") << "the host as the gateway";
  EXPECT_EQ(fetched(sandbox, "169.254.169.254", "8081"), "");
  EXPECT_EQ(fetched(neighbour, "127.0.0.1", "8082"), "next door\n") << "or the next line would show nothing";
  EXPECT_EQ(fetched(sandbox, address_in(neighbour), "8082"), "");
  EXPECT_EQ(shell("ip netns exec " + outside_ + " sh -c \"" + request(host_end, "8081") + "\""), "from outside\n")
      << "the host does answer others";

  destroy(sandbox);
  destroy(neighbour);
  EXPECT_THAT(*driver_->inventory(), IsEmpty());
}

TEST_F(CrunNetworkTest, ReachesPrivateNetworksOnlyWhenTheyAreAllowed) {
  shell("ip addr add 10.254.0.1/24 dev " + link_ + "; ip -n " + outside_ + " addr add 10.254.0.2/24 dev up0; ip -n " +
        outside_ + " route add default via " + host_end);
  serve({"ip", "netns", "exec", outside_, "busybox", "httpd", "-f", "-p", "10.254.0.2:8080"});
  const auto closed = connected();
  EXPECT_EQ(fetched(closed, "10.254.0.2", "8080"), "");
  destroy(closed);

  auto opened = options();
  opened.network.allow = {"10.254.0.0/24"};
  drive(opened);
  const auto sandbox = connected();
  EXPECT_EQ(fetched(sandbox, "10.254.0.2", "8080"), "from outside\n");
  destroy(sandbox);
}

TEST_F(CrunNetworkTest, GuestsChangeNothingOfIt) {
  const auto sandbox = connected();

  EXPECT_NE(inside(sandbox, "ip addr add 10.98.0.99/32 dev eth0").exit_code, 0);
  EXPECT_NE(inside(sandbox, "ip link set eth0 down").exit_code, 0);
  EXPECT_NE(inside(sandbox, "ip route del default").exit_code, 0);
  EXPECT_NE(inside(sandbox, "echo nameserver 1.1.1.1 > /etc/resolv.conf").exit_code, 0);

  destroy(sandbox);
}

TEST_F(CrunNetworkTest, IsRefusedWhereTheHostForwardsNothing) {
  shell("echo 0 > " + std::string(forwarding));
  auto wish = launch();
  wish.spec.network = NetworkAccess::outbound;

  const auto refused = driver_->start(wish);

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("net.ipv4.ip_forward=1"));
  destroy(wish);
}

TEST_F(CrunNetworkTest, TakesAwayTheRulesOfALifeThatEndedWithoutSandboxes) {
  const auto sandbox = connected();
  ::kill(first_process(sandbox), SIGKILL);
  shell("for i in $(seq 100); do ip -o link | grep -q 'mf.*-0@' || exit 0; sleep 0.05; done; exit 1");
  EXPECT_THAT(shell("nft list tables"), HasSubstr("mayfly_" + instance_));

  restart();

  EXPECT_THAT(shell("nft list tables"), Not(HasSubstr("mayfly_" + instance_)));
  destroy(sandbox);
}

}  // namespace mayfly::test
