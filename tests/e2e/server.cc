#include "e2e/server.h"

#include <csignal>
#include <cstdlib>
#include <ostream>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "os/process.h"

namespace mayfly::test {

namespace {

// A server that has not said where it listens, or is not ready, after this long never will be.
constexpr auto start_patience = 20s;
constexpr auto stop_patience = 20s;
constexpr auto between_looks = 5ms;

std::string program() { return std::string(MAYFLY_BIN) + "/mayfly"; }

}  // namespace

bool comes_true(const std::function<bool()>& holds, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(between_looks);
  }
  return true;
}

Ran mayfly(std::vector<std::string> arguments) {
  os::RunOptions run;
  run.argv = {program()};
  run.argv.insert(run.argv.end(), arguments.begin(), arguments.end());
  const auto done = os::run(run);
  EXPECT_TRUE(done) << done.error().message;
  return done ? Ran{done->exit_code, done->out, done->err} : Ran{};
}

Server::Server(std::string data) : folder_("/tmp/mayfly-e2e-XXXXXX"), data_(std::move(data)) {
  if (!::mkdtemp(folder_.data())) std::abort();
  if (data_.empty()) data_ = folder_ + "/data";
}

Server::~Server() {
  if (up()) kill_hard();
  const auto removed = os::remove_tree(folder_);
  EXPECT_TRUE(removed) << removed.error().message;
}

void Server::configure(const std::string& toml) { EXPECT_TRUE(os::write_file(folder_ + "/config.toml", toml)); }

bool Server::start(const std::string& failpoint) {
  EXPECT_FALSE(up());
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) std::abort();
  os::Fd reading(pipe_ends[0]), writing(pipe_ends[1]);
  const auto log = os::open(folder_ + "/log", O_WRONLY | O_CREAT | O_APPEND, 0600);
  const bool configured = ::access((folder_ + "/config.toml").c_str(), F_OK) == 0;

  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(writing.get(), 1);
    ::dup2(log->get(), 2);
    ::setenv("MAYFLY_ADMIN_KEY", key, 1);
    if (failpoint.empty()) ::unsetenv("MAYFLY_FAILPOINT");
    else ::setenv("MAYFLY_FAILPOINT", failpoint.c_str(), 1);
    const std::string binary = program(), config = folder_ + "/config.toml";
    std::vector<const char*> argv = {binary.c_str(), "serve", "--data", data_.c_str(), "--listen", "127.0.0.1:0"};
    if (configured) argv.insert(argv.end(), {"--config", config.c_str()});
    argv.push_back(nullptr);
    ::execv(binary.c_str(), const_cast<char**>(argv.data()));
    ::_exit(127);
  }
  writing.reset();
  api_ = std::make_unique<Api>("http://127.0.0.1:1", http::Headers{});
  if (!read_address(reading.get())) {
    EXPECT_TRUE(dies(stop_patience)) << "the server said nothing and did not end";
    return false;
  }
  api_ = std::make_unique<Api>(connect());
  bool gone = false;
  EXPECT_TRUE(comes_true([&] { return api_->get("/readyz").status == 200 || (gone = dies(0ms)); }, start_patience));
  return !gone;
}

bool Server::read_address(int from) {
  std::string said;
  const auto deadline = std::chrono::steady_clock::now() + start_patience;
  while (said.find('\n') == std::string::npos) {
    pollfd ready{from, POLLIN, 0};
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left <= 0ms || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0) return false;
    char room[512];
    const auto got = ::read(from, room, sizeof room);
    if (got <= 0) return false;
    said.append(room, static_cast<std::size_t>(got));
  }
  const auto url_behind = [&](std::string_view words) {
    const auto at = said.find(words);
    if (at == std::string::npos) return std::string();
    const auto begin = at + words.size();
    return said.substr(begin, said.find_first_of(" \n", begin) - begin);
  };
  url_ = url_behind(" listening on ");
  data_url_ = url_behind(" ports at ");
  if (url_.empty()) return false;
  return true;
}

bool Server::reap(std::chrono::milliseconds patience, int& status) {
  const os::Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  pollfd ended{handle.get(), POLLIN, 0};
  if (::poll(&ended, 1, static_cast<int>(patience.count())) <= 0) return false;
  ::waitpid(pid_, &status, 0);
  pid_ = 0;
  return true;
}

bool Server::dies(std::chrono::milliseconds patience) {
  int status = 0;
  return !up() || reap(patience, status);
}

void Server::kill_hard() {
  if (!up()) return;
  ::kill(pid_, SIGKILL);
  EXPECT_TRUE(dies(stop_patience)) << "not even SIGKILL ended the server";
}

void Server::stop() {
  if (!up()) return;
  ::kill(pid_, SIGTERM);
  int status = 0;
  if (!reap(stop_patience, status)) {
    ADD_FAILURE() << "SIGTERM did not end the server:\n" << log();
    return kill_hard();
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "wait status " << status << "\n" << log();
}

void Server::restart(const std::string& failpoint) {
  stop();
  ASSERT_TRUE(start(failpoint)) << log();
}

Api Server::connect() const { return connect_with({{"Authorization", std::string("Bearer ") + key}}); }

Api Server::connect_with(http::Headers headers) const { return Api(url_, std::move(headers), ca_file); }

bool Server::task_completes(const std::string& task, std::chrono::milliseconds patience) {
  const bool done =
      comes_true([&] { return api_->get("/v1/cleanup-tasks/" + task).string("status") == "completed"; }, patience);
  EXPECT_TRUE(done) << api_->get("/v1/cleanup-tasks/" + task + "/tree").text;
  return done;
}

void Server::delete_now(const std::string& id) {
  const auto accepted = api_->remove(Api::of(id) + "?archive=false");
  if (accepted.status == 404) return;
  ASSERT_EQ(accepted.status, 202) << accepted.text;
  task_completes(accepted.string("cleanup_task_id"));
}

void Server::delete_all() {
  for (int page = 0; page < 100; ++page) {
    const auto rows = api_->get("/v1/sandboxes?limit=200").items();
    if (rows.empty()) break;
    for (const auto& row : rows) api_->remove(Api::of(std::string(row.at("id").as_string())) + "?archive=false");
    for (const auto& row : rows) delete_now(std::string(row.at("id").as_string()));
  }
  for (const auto& row : api_->get("/v1/volumes?limit=200").items()) {
    if (row.at("expires_at").is_string()) continue;   // of no record: what becomes of it is the test's
    const auto task = api_->remove("/v1/volumes/" + std::string(row.at("id").as_string()) + "?archive=false");
    if (task.fine()) task_completes(task.string("cleanup_task_id"));
  }
  const auto databases = api_->get("/api/databases?include_deleted=true").at("data");
  for (const auto& row : databases.is_array() ? databases.get_array() : json::array()) {
    const auto task = api_->remove("/api/databases/" + std::string(row.at("id").as_string()) + "?purge=true");
    if (task.fine()) task_completes(task.string("cleanupTaskId"));
  }
}

void Server::end() {
  if (!up()) { ASSERT_TRUE(start()) << log(); }
  delete_all();
  EXPECT_TRUE(comes_true([&] { return clean(); }, 5s)) << doctor();
  stop();
  const auto offline = mayfly({"doctor", "--data", data_});
  EXPECT_EQ(offline.exit_code, 0) << offline.out << offline.err;
  // A neighbour that makes a mount namespace of its own just now holds a copy of our mounts for a moment.
  comes_true([&] { return traces().empty(); }, 2s);
  EXPECT_EQ(traces(), std::vector<std::string>());
}

std::string Server::log() const {
  const auto text = os::read_file(folder_ + "/log").value_or("(no log)");
  constexpr std::size_t shown = 4000;
  return text.size() > shown ? text.substr(text.size() - shown) : text;
}

std::string Server::instance() const {
  sqlite3* database = nullptr;
  sqlite3_stmt* query = nullptr;
  std::string instance;
  if (sqlite3_open_v2((data_ + "/mayfly.db").c_str(), &database, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK &&
      sqlite3_prepare_v2(database, "SELECT value FROM setting WHERE name = 'instance'", -1, &query, nullptr) ==
          SQLITE_OK &&
      sqlite3_step(query) == SQLITE_ROW)
    instance = reinterpret_cast<const char*>(sqlite3_column_text(query, 0));
  EXPECT_FALSE(instance.empty()) << "the database of " << data_ << " names no instance: " << sqlite3_errmsg(database);
  sqlite3_finalize(query);
  sqlite3_close(database);
  return instance;
}

std::string Served::given_sandbox(json::object wish) {
  const auto made = api().create(std::move(wish));
  EXPECT_EQ(made.status, 201) << made << server_.log();
  return made.string("id");
}

void Served::advance(double seconds) {
  const auto moved = api().post("/test/clock", json::object{{"advance_seconds", seconds}});
  ASSERT_EQ(moved.status, 200) << moved;
}

}  // namespace mayfly::test
