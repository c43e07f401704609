#pragma once
// A sandbox whose output and files are more than memory holds, and looks at what a server and an agent take for it.

#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/server.h"
#include "json/bytes.h"
#include "os/file.h"

namespace mayfly::test {

constexpr std::int64_t mebibyte = 1 << 20;
// What a server and an agent may grow by, whatever passes through them.
constexpr std::int64_t growth_kb = 16 << 10;

inline std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::int64_t resident_kb(pid_t pid) {
  std::istringstream status(contents("/proc/" + std::to_string(pid) + "/status"));
  for (std::string word; status >> word;)
    if (word == "VmRSS:") {
      std::int64_t kilobytes = 0;
      status >> kilobytes;
      return kilobytes;
    }
  return -1;
}

/// The most that a process holds while this lives.
class Watch {
 public:
  explicit Watch(pid_t pid) : pid_(pid), before_(resident_kb(pid)), thread_([this] { look(); }) {}
  ~Watch() { end(); }
  std::int64_t grown_kb() {
    end();
    return most_ - before_;
  }

 private:
  void look() {
    while (!over_) {
      most_ = std::max(most_, resident_kb(pid_));
      std::this_thread::sleep_for(10ms);
    }
  }
  void end() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }

  const pid_t pid_;
  const std::int64_t before_;
  std::int64_t most_ = 0;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

/// A request by hand, and as much of its answer as the test wants to read.
class Raw {
 public:
  Raw(std::uint16_t port, const std::string& request) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int small = 64 << 10;
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
  }

  /// At least up to this text, or all there is.
  std::string until(const std::string& text) {
    while (said_.find(text) == std::string::npos) {
      char room[4096];
      const auto got = ::recv(socket_.get(), room, sizeof room, 0);
      if (got <= 0) break;
      said_.append(room, static_cast<std::size_t>(got));
    }
    return said_;
  }

 private:
  os::Fd socket_;
  std::string said_;
};

class Streaming : public Served {
 protected:
  void SetUp() override {
    Served::SetUp();
    // Room for the large ones, however the host counts holes.
    sandbox_ = given_sandbox({{"name", "stream"}, {"resources", json::object{{"disk_mb", 8192}}}});
  }

  /// Every record of an answer, pings aside.
  static std::vector<json::object> records_in(const std::string& text) {
    std::vector<json::object> all;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      const auto record = json::parse(line);
      EXPECT_TRUE(record && record->is_object()) << line;
      if (record && record->at("type") != json::value("ping")) all.push_back(record->get_object());
    }
    return all;
  }
  static std::string joined(const std::vector<json::object>& records, std::string_view type) {
    std::string text;
    for (const auto& record : records) {
      if (record.at("type") != json::value(type)) continue;
      if (const auto* data = record.if_contains("data")) text += std::string(data->as_string());
      else text += *json::from_base64(std::string(record.at("data_base64").as_string()));
    }
    return text;
  }

  Answer stream(const json::object& wish, http::Headers headers = {{"Accept", "application/x-ndjson"}}) {
    return api().call("POST", Api::of(sandbox_, "exec"), boost::json::serialize(wish), std::move(headers));
  }
  std::vector<json::object> run(const std::string& line) {
    const auto answer = stream({{"command", line}});
    EXPECT_EQ(answer.status, 200) << answer;
    return records_in(answer.text);
  }

  std::string head_of(const std::string& method, const std::string& path, const std::string& rest) {
    return method + " " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + Server::key + "\r\n" + rest;
  }
  Raw raw_exec(const std::string& line) {
    const auto body = boost::json::serialize(json::object{{"command", line}});
    return Raw(server_.port(), head_of("POST", Api::of(sandbox_, "exec"),
                                       "Accept: application/x-ndjson\r\nContent-Length: " +
                                           std::to_string(body.size()) + "\r\n\r\n" + body));
  }
  json::object process(std::int64_t id) {
    return api().get(Api::of(sandbox_, "processes/" + std::to_string(id))).body.as_object();
  }
  pid_t agent() {
    for (const auto& trace : server_.traces_of(sandbox_.substr(4))) {
      if (!trace.starts_with("process ")) continue;
      const auto pid = std::atoi(trace.c_str() + 8);
      // PID 1 of its namespace, whatever it is called there.
      if (contents("/proc/" + std::to_string(pid) + "/status").find("\t1\nNSpgid") != std::string::npos) return pid;
    }
    ADD_FAILURE() << "no agent of " << sandbox_;
    return -1;
  }

  std::string key_file() {
    const auto path = server_.folder() + "/key";
    EXPECT_TRUE(os::write_file(path, Server::key));
    return path;
  }

  std::string sandbox_;
};

}  // namespace mayfly::test
