// The main job beside its peers, in one run: create, exec, delete, archive, many idle ones, and the server at rest.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fmt/core.h>
#include <unistd.h>

#include "lists.h"
#include "measure.h"
#include "os/file.h"
#include "os/process.h"
#include "raw_crun.h"
#include "server.h"

namespace mayfly::bench {
namespace {

constexpr int rounds = 40;
constexpr int idle_sandboxes = 500;

std::string create(http::Client& client, const std::string& more = {}) {
  return text(call(client, "POST", "/v1/sandboxes", 201, "{\"image\":\"busybox\"" + more + "}"), "id");
}

void wait_gone(http::Client& client, const std::string& task) {
  for (;;) {
    const auto status = text(call(client, "GET", "/v1/cleanup-tasks/" + task + "?wait_seconds=60", 200), "status");
    if (status == "completed") return;
    if (status == "failed") {
      fmt::print(stderr, "bench: cleanup task {} failed\n", task);
      std::exit(1);
    }
  }
}

void remove(http::Client& client, const std::string& id, bool archive) {
  const auto accepted =
      call(client, "DELETE", "/v1/sandboxes/" + id + "?archive=" + (archive ? "true" : "false"), 202);
  wait_gone(client, text(accepted, "cleanup_task_id"));
}

std::string run_folder(const Server& server, const std::string& id) {
  for (const auto& entry : std::filesystem::directory_iterator(server.data() + "/run"))
    if (entry.path().filename().string().find(id.substr(4)) != std::string::npos) return entry.path();
  return {};
}

std::string only_image(const Server& server) {
  for (const auto& entry : std::filesystem::directory_iterator(server.data() + "/images"))
    if (std::filesystem::exists(entry.path() / "rootfs")) return entry.path() / "rootfs";
  return {};
}

/// Ours and theirs in turn, so that a slow moment of the machine meets both.
void life_of_one(const Server& server) {
  auto client = server.client();
  const auto model = create(client);
  RawCrun raw(run_folder(server, model) + "/config.json", only_image(server));
  raw.start("exec");
  const std::string exec_true = R"({"command":["true"]})";

  Samples warm, raw_warm;
  for (int i = 0; i < rounds; ++i) {
    warm.ms.push_back(time_ms([&] { call(client, "POST", "/v1/sandboxes/" + model + "/exec", 200, exec_true); }));
    raw_warm.ms.push_back(time_ms([&] { raw.exec_true("exec"); }));
  }
  row("exec round trip, one in use", warm, "crun exec", raw_warm, 0.3);
  note("... alone", fmt::format("p50 {:.2f} ms (aim <= 1.5 {})", warm.p50(), warm.p50() <= 1.5 ? "met" : "MISSED"));
  Samples created, raw_created, executed, raw_executed, removed, raw_removed, archived;
  for (int i = 0; i < rounds; ++i) {
    std::string id;
    created.ms.push_back(time_ms([&] { id = create(client); }));
    raw_created.ms.push_back(time_ms([&] { raw.run_true(); }));
    executed.ms.push_back(time_ms([&] { call(client, "POST", "/v1/sandboxes/" + id + "/exec", 200, exec_true); }));
    raw_executed.ms.push_back(time_ms([&] { raw.exec_true("exec"); }));
    removed.ms.push_back(time_ms([&] { remove(client, id, false); }));
    raw.start("gone");
    raw_removed.ms.push_back(time_ms([&] { raw.remove("gone"); }));
    const auto kept = create(client);
    archived.ms.push_back(time_ms([&] { remove(client, kept, true); }));
  }
  raw.remove("exec");
  remove(client, model, false);
  row("create -> first instruction", created, "crun run ", raw_created, 1.3);
  row("first exec in a new one", executed, "crun exec", raw_executed, 0.3);
  row("delete, proved gone, by waiver", removed, "crun delete -f", raw_removed, 0.5);
  row("delete, proved gone, with archive", archived, "crun delete -f", raw_removed, 0);
}

std::int64_t number_in(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key)) return std::strtoll(line.c_str() + key.size(), nullptr, 10);
  return 0;
}

double cpu_seconds(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string word;
  double ticks = 0;
  for (int i = 1; file >> word; ++i)
    if (i == 14 || i == 15) ticks += std::stod(word);
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// Of all cores, everything that runs on this machine.
double busy_seconds() {
  std::ifstream file("/proc/stat");
  std::string word;
  double busy = 0, ticks = 0;
  for (int i = 0; i < 9 && file >> word; ++i)
    if (i > 0 && i != 4 && i != 5 && (ticks = std::stod(word)) > 0) busy += ticks;
  return busy / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

void at_rest(const Server& server) {
  const double before = cpu_seconds(server.pid());
  std::this_thread::sleep_for(std::chrono::seconds(5));
  const double used = cpu_seconds(server.pid()) - before;
  const auto rss = number_in("/proc/" + std::to_string(server.pid()) + "/status", "VmRSS:");
  note("idle server",
       fmt::format("RSS {:.1f} MB (aim <= 25 {}), cpu {:.2f} % of one core", static_cast<double>(rss) / 1024,
                   rss <= 25 * 1024 ? "met" : "MISSED", used / 5 * 100));
}

void many_idle(const Server& server) {
  const auto free_before = number_in("/proc/meminfo", "MemAvailable:");
  std::vector<std::string> ids(idle_sandboxes);
  std::atomic<int> next{0};
  const double started = time_ms([&] {
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        auto client = server.client();
        for (int k; (k = next++) < idle_sandboxes;) ids[static_cast<std::size_t>(k)] = create(client);
      });
    for (auto& thread : threads) thread.join();
  });
  const auto used = free_before - number_in("/proc/meminfo", "MemAvailable:");
  auto client = server.client();
  bool clean = false;
  const double doctor = time_ms([&] { clean = call(client, "GET", "/v1/doctor", 200).at("clean").as_bool(); });
  note(fmt::format("{} idle sandboxes", idle_sandboxes),
       fmt::format("started in {:.1f} s ({:.0f}/s at 8), {:.2f} MB each, doctor {:.0f} ms ({})", started / 1000,
                   idle_sandboxes / started * 1000, static_cast<double>(used) / 1024 / idle_sandboxes, doctor,
                   clean ? "clean" : "NOT CLEAN"));
  at_rest(server);
  next = 0;
  const double removed = time_ms([&] {
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        auto own = server.client();
        for (int k; (k = next++) < idle_sandboxes;) remove(own, ids[static_cast<std::size_t>(k)], false);
      });
    for (auto& thread : threads) thread.join();
  });
  note("... deleted, proved gone",
       fmt::format("{:.1f} s ({:.0f}/s at 8)", removed / 1000, idle_sandboxes / removed * 1000));
}

void archive_speed(const Server& server) {
  auto client = server.client();
  const auto id = create(client, R"(,"resources":{"disk_mb":8192,"memory_mb":2048})");
  // 20,000 files of 9 kB and three of 200 MB, half of each noise, half of it text that compresses.
  const std::string fill =
      R"({"wait_seconds":600,"command":"mkdir /w && cd /w && dd if=/dev/urandom of=noise bs=1M count=100 2>/dev/null;)"
      R"( yes 'a line of text that repeats' | head -c 104857600 > plain; for i in 1 2 3; do cat noise plain > big$i;)"
      R"( done; rm noise plain; for d in $(seq 100); do mkdir $d; for f in $(seq 200); do)"
      R"( dd if=big1 of=$d/$f bs=9000 count=1 skip=$((d*f)) 2>/dev/null; done; done"})";
  call(client, "POST", "/v1/sandboxes/" + id + "/exec", 200, fill);
  call(client, "POST", "/v1/sandboxes/" + id + "/stop", 200);
  std::string upper;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(server.data() + "/layers"))
    if (entry.path().filename() == "upper") upper = entry.path();
  const auto peer = [&] {
    os::RunOptions options;
    options.timeout = std::chrono::minutes(10);
    options.argv = {"/bin/sh", "-ec",
                    "cd " + upper + " && tar --xattrs --sparse -cf - . | zstd -q -1 -T0 > " + server.data() +
                        "/peer.tar.zst && find . -type f -print0 | xargs -0 sha256sum > /dev/null; rm " +
                        server.data() + "/peer.tar.zst"};
    (void)os::run(options);
  };
  peer();  // everything in the page cache for both
  Samples ours, theirs;
  theirs.ms.push_back(time_ms(peer));
  const auto accepted = call(client, "DELETE", "/v1/sandboxes/" + id, 202);
  const auto task = text(accepted, "cleanup_task_id");
  double bytes = 0;
  ours.ms.push_back(time_ms([&] {
    for (;;) {
      const auto items = call(client, "GET", "/v1/archives?sandbox=" + id, 200).at("items").as_array();
      if (!items.empty()) {
        bytes = items[0].at("content_bytes").to_number<double>();
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }));
  wait_gone(client, task);
  const auto rate = [&](double ms) { return bytes / 1e6 / (ms / 1000); };
  note("archive, read back and verified",
       fmt::format("mayfly {:.0f} MB/s   tar | zstd -T0, then sha256sum {:.0f} MB/s   ratio {:.2f}   aim >= 0.8 {}",
                   rate(ours.ms[0]), rate(theirs.ms[0]), theirs.ms[0] / ours.ms[0],
                   theirs.ms[0] / ours.ms[0] >= 0.8 ? "met" : "MISSED"));
}

double metric(http::Client& client, const std::string& name) {
  http::ClientRequest request;
  request.path = "/metrics";
  const auto answer = client.call(request);
  const auto at = answer ? answer->body.find("\n" + name) : std::string::npos;
  return at == std::string::npos ? 0 : std::strtod(answer->body.c_str() + answer->body.find(' ', at + 1), nullptr);
}

/// A create and the first command in it, from a pool and cold in turn.
void claims(const Server& pooled, const Server& plain) {
  auto client = pooled.client(), cold_client = plain.client();
  const std::string exec_true = R"({"command":["true"]})";
  const auto first_result = [&](http::Client& client) {
    std::string id;
    const auto took = time_ms([&] {
      id = create(client);
      call(client, "POST", "/v1/sandboxes/" + id + "/exec", 200, exec_true);
    });
    return std::pair(id, took);
  };
  Samples claimed, cold;
  for (int i = 0; i < rounds; ++i) {
    while (metric(client, "mayfly_pool_ready{") < 1) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // the next one is started meanwhile
    const auto [warm_id, warm] = first_result(client);
    claimed.ms.push_back(warm);
    const auto [cold_id, slow] = first_result(cold_client);
    cold.ms.push_back(slow);
    remove(client, warm_id, false);
    remove(cold_client, cold_id, false);
  }
  row("pool claim -> first exec", claimed, "cold create -> first exec", cold, 0);
  note("... from the pool",
       fmt::format("p50 {:.2f} ms (aim <= 3 {})", claimed.p50(), claimed.p50() <= 3 ? "met" : "MISSED"));
}

void many_asleep(const Server& server) {
  constexpr int sleepers = 1000;
  auto client = server.client();
  const auto machine_in_30_s = [] {
    const double before = busy_seconds();
    std::this_thread::sleep_for(std::chrono::seconds(30));
    return busy_seconds() - before;
  };
  const double machine_alone = machine_in_30_s();
  const auto free_before = number_in("/proc/meminfo", "MemAvailable:");
  std::atomic<int> next{0};
  std::vector<std::string> ids(sleepers);
  const auto at_four = [&](const std::function<void(http::Client&, std::string&)>& act) {
    next = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        auto own = server.client();
        for (int k; (k = next++) < sleepers;) act(own, ids[static_cast<std::size_t>(k)]);
      });
    for (auto& thread : threads) thread.join();
  };
  at_four([](http::Client& own, std::string& id) { id = create(own, R"(,"standby_seconds":1)"); });
  while (metric(client, "mayfly_sandboxes_asleep") < sleepers)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto used = free_before - number_in("/proc/meminfo", "MemAvailable:");
  const double server_before = cpu_seconds(server.pid()), machine_used = machine_in_30_s();
  const double server_used = cpu_seconds(server.pid()) - server_before;
  Samples woken;
  for (int i = 0; i < rounds; ++i)
    woken.ms.push_back(time_ms([&] {
      call(client, "POST", "/v1/sandboxes/" + ids[static_cast<std::size_t>(i)] + "/exec", 200,
           R"({"command":["true"]})");
    }));
  note(fmt::format("{} asleep", sleepers),
       fmt::format("{:.2f} MB each, server {:.2f} % and machine {:.2f} % of one core (without them {:.2f} %), "
                   "exec that wakes p50 {:.1f} ms",
                   static_cast<double>(used) / 1024 / sleepers, server_used / 30 * 100, machine_used / 30 * 100,
                   machine_alone / 30 * 100, woken.p50()));
  at_four([](http::Client& own, std::string& id) { remove(own, id, false); });
}

/// What others feel while guests take all they can get, and a crowd of connections says nothing.
void hostile_load(const Server& server) {
  auto client = server.client();
  const auto good = create(client, R"(,"lifetime":{"max_age_seconds":86400})");
  const auto measure = [&](const std::string& what) {
    Samples all;
    for (int i = 0; i < 400; ++i) {
      const auto path = "/v1/sandboxes/" + good;
      all.ms.push_back(time_ms([&] { call(client, "GET", path, 200); }));
      all.ms.push_back(time_ms([&] { call(client, "POST", path + "/keepalive", 200, R"({"extend_seconds":1})"); }));
      all.ms.push_back(time_ms([&] { call(client, "POST", path + "/exec", 200, R"({"command":["true"]})"); }));
    }
    note(what, fmt::format("get, keepalive, exec: p50 {:.1f} ms, p99 {:.1f} ms, worst {:.1f} ms (aim p99 <= 50 {})",
                           all.p50(), all.at(0.99), all.at(1), all.at(0.99) <= 50 ? "met" : "MISSED"));
  };
  measure("quiet");
  std::vector<std::string> guests;
  for (const auto* line :
       {"bomb() { bomb | bomb & }; bomb; wait", "while true; do head -c 200m /dev/zero | tail -c 190m >/dev/null; done",
        "while true; do dd if=/dev/zero of=/filler bs=1M count=40; rm /filler; done", "yes a line of a log",
        "trap '' TERM INT HUP; while true; do :; done"}) {
    guests.push_back(create(client, R"(,"resources":{"memory_mb":64,"pids":64,"disk_mb":64})"));
    call(client, "POST", "/v1/sandboxes/" + guests.back() + "/exec", 202,
         R"({"wait":false,"command":")" + std::string(line) + "\"}");
  }
  std::this_thread::sleep_for(std::chrono::seconds(2));
  measure("beside five hostile guests");
  for (const auto& id : guests) remove(client, id, false);
  remove(client, good, false);
}

}  // namespace
}  // namespace mayfly::bench

int main(int argc, char** argv) {
  using namespace mayfly::bench;
  const std::string bin = argc > 1 ? argv[1] : ".";
  const auto wanted = [&](std::string_view part) {
    for (int i = 2; i < argc; ++i)
      if (argv[i] == part) return true;
    return argc <= 2;
  };
  fmt::print("{} rounds each, ours and theirs in turn, over HTTP on loopback; medians\n", rounds);
  if (wanted("life")) {
    const Server server(bin);
    at_rest(server);
    life_of_one(server);
  }
  // Ten million rows take minutes and 20 GB: only by name.
  if (argc > 2 && wanted("list")) lists(bin);
  if (wanted("archive")) {
    const Server server(bin);
    archive_speed(server);
  }
  if (wanted("idle")) {
    const Server server(bin);
    many_idle(server);
  }
  if (wanted("pool")) {
    const Server pooled(bin, "[pool]\nbusybox = 4\n"), plain(bin);
    claims(pooled, plain);
  }
  if (wanted("asleep")) {
    const Server server(bin);
    many_asleep(server);
  }
  if (wanted("hostile")) {
    const Server server(bin);
    hostile_load(server);
  }
  return 0;
}
