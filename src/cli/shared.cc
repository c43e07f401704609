#include <algorithm>
#include <thread>

#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/failure.h"

namespace mayfly::cli {

namespace {

// What the server parks a call for at most; longer waits are several calls.
constexpr std::chrono::seconds longest_wait = 60s;
// A server that answers before the time is up is not asked without a breath.
constexpr Duration breath = 20ms;

}  // namespace

void show(Session& session, const Answer& answer, const std::string& text) {
  if (session.json) session.out.line(answer.text);
  else session.out.write(text);
}

void show_list(Session& session, const ApiClient::Items& items, const std::string& table, bool may_ask_for_all) {
  if (session.json) {
    session.out.line(boost::json::serialize(items.items));
    return;
  }
  session.out.write(table);
  if (items.more && may_ask_for_all)
    note(session, "these are the newest " + std::to_string(items.items.size()) + "; --all shows every one");
}

void note(Session& session, const std::string& text) { session.err.line("mayfly: " + printable(text)); }

Result<int> wait_for_cleanup(Session& session, const std::string& task, Duration patience) {
  using std::chrono::steady_clock;
  const auto end = steady_clock::now() + patience;
  for (;; std::this_thread::sleep_for(breath)) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(end - steady_clock::now());
    const auto wait = std::clamp(left, std::chrono::seconds(0), longest_wait);
    const auto path = path_to("/v1/cleanup-tasks", {task}, {{"wait_seconds", std::to_string(wait.count())}});
    // With the patience of `send`, which is longer than the server's.
    const auto answer = TRY(session.api.send("follow cleanup task " + task, "GET", path));
    const auto status = text_at(answer.body, "status");
    if (status == "completed") return exit_ok;
    const std::string see = "; see: mayfly cleanup tree " + task;
    if (status == "failed")
      return fail(Code::internal, "cleanup task " + task + " failed: " + text_at(answer.body, "last_error") + see);
    if (steady_clock::now() >= end)
      return fail(Code::timed_out, "cleanup task " + task + " is still " + status + " after " + human(patience) +
                                       " and goes on" + see, std::string(waited));
  }
}

}  // namespace mayfly::cli
