#pragma once
// The vocabulary of the store tests: a clock that moves when told, ids that sort by their number, rows with every
// member set, and rows as text, so that two of them can be compared.

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "ports/clock.h"
#include "ports/store.h"

namespace mayfly {

class ManualClock : public Clock {
 public:
  Time now() const override { return service_time(now_.load()); }
  WallTime wall() const override { return wall_time(now_.load() + 7); }
  void set(std::int64_t us) { now_ = us; }

 private:
  std::atomic<std::int64_t> now_{1'000'000'000};
};

/// A folder that is gone with everything in it when the test ends.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string id_text(std::string_view prefix, int number);
inline ResourceId sandbox_id(int number) { return {id_text("sbx_", number)}; }
inline ResourceId archive_id(int number) { return {id_text("arc_", number)}; }
inline ResourceId workspace_id(int number) { return {id_text("wsp_", number)}; }
inline TaskId task_id(int number) { return {id_text("clt_", number)}; }
inline EventId event_id(int number) { return {id_text("evt_", number)}; }

Time at(std::int64_t seconds);

/// Plain ones, running or to be started, in workspace 1.
Sandbox given_sandbox(int number, const std::string& name, State state = State::running);
Archive given_archive(int number, State state = State::active);
Task given_task(int number, Verb verb = Verb::delete_sandbox, Phase phase = Phase::ready);
Event given_event(int number, const std::string& type = "sandbox.created");
Workspace given_workspace(int number, const std::string& slug);

/// Ones in which no member has its default value.
Sandbox full_sandbox(int number);
Archive full_archive(int number);
Task full_task(int number);

std::string as_text(const Resource& resource);
std::string as_text(const Lifetime& lifetime);
std::string as_text(const Sandbox& sandbox);
std::string as_text(const Archive& archive);
std::string as_text(const Task& task);
std::string as_text(const Event& event);

/// "3 1 2": which of the numbered ids, in the order found.
template <class Row>
std::string numbers(const std::vector<Row>& rows) {
  const auto id_of = [](const auto& row) -> const std::string& {
    if constexpr (requires { row.resource.id.text; }) return row.resource.id.text;
    else return row.id.text;
  };
  std::string text;
  for (const auto& row : rows) text += (text.empty() ? "" : " ") + std::to_string(std::stoi(id_of(row).substr(30)));
  return text;
}

/// The value, or a failed test that says why not.
template <class T>
T must(Result<T> result) {
  if (!result) ADD_FAILURE() << name(result.error().code) << ": " << result.error().message;
  return std::move(result).value();
}
inline void must(const Status& status) {
  EXPECT_TRUE(status) << name(status.error().code) << ": " << status.error().message;
}

/// "conflict name_taken", or "fine".
template <class T>
std::string outcome(const Result<T>& result) {
  if (result) return "fine";
  return std::string(name(result.error().code)) + (result.error().reason.empty() ? "" : " " + result.error().reason);
}

/// One transaction with one call in it.
template <class Body>
void write(Store& store, Body body) {
  must(store.write([&](Transaction& t) -> Status { return body(t); }));
}

}  // namespace mayfly
