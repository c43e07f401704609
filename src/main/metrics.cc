#include <unistd.h>

#include "main/engine.h"
#include "os/file.h"

namespace mayfly {

namespace {

class Exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    text_ += "# HELP " + std::string(name) + " " + std::string(help) + "\n# TYPE " + std::string(name) + " " +
             std::string(type) + "\n";
  }
  template <class Number>
  void value(std::string_view name, Number number, const std::string& labels = {}) {
    text_ += std::string(name) + (labels.empty() ? "" : "{" + labels + "}") + " " + std::to_string(number) + "\n";
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::int64_t resident_bytes() {
  const auto statm = os::read_file("/proc/self/statm", 256).value_or("0 0");
  const auto space = statm.find(' ');
  return std::strtoll(statm.c_str() + space + 1, nullptr, 10) * ::sysconf(_SC_PAGESIZE);
}

}  // namespace

std::string Engine::metrics() const {
  Exposition out;
  out.family("mayfly_sandboxes", "gauge", "Sandboxes by state.");
  out.family("mayfly_cleanup_tasks", "gauge", "Deletes by status.");
  (void)store_->read([&](Transaction& t) -> Status {
    for (const auto& [state, count] : TRY(t.sandboxes().count_by_state()))
      out.value("mayfly_sandboxes", count, "state=\"" + std::string(name(state)) + "\"");
    for (const auto& [status, count] : TRY(t.tasks().count_by_status()))
      out.value("mayfly_cleanup_tasks", count, "status=\"" + std::string(name(status)) + "\"");
    return {};
  });
  const auto late = deadlines_->lateness();
  out.family("mayfly_deadlines_fired_total", "counter", "Expiries decided since the start.");
  out.value("mayfly_deadlines_fired_total", late.fired);
  out.family("mayfly_deadline_lateness_seconds_total", "counter", "Sum of how late they were decided.");
  out.value("mayfly_deadline_lateness_seconds_total", seconds(late.total));
  out.family("mayfly_deadline_lateness_seconds_max", "gauge", "The latest one.");
  out.value("mayfly_deadline_lateness_seconds_max", seconds(late.longest));

  out.family("mayfly_work_total", "counter", "Attempts of cleanup steps and transitions, by how they ended.");
  out.value("mayfly_work_total", worker_->counters.done.load(), "result=\"done\"");
  out.value("mayfly_work_total", worker_->counters.retried.load(), "result=\"retried\"");
  out.value("mayfly_work_total", worker_->counters.failed.load(), "result=\"failed\"");
  out.value("mayfly_work_total", worker_->counters.zombies.load(), "result=\"zombie\"");

  const auto store = store_->stats();
  out.family("mayfly_store_commits_total", "counter", "Transactions made durable.");
  out.value("mayfly_store_commits_total", store.commits);
  out.family("mayfly_store_closures_total", "counter", "Writes answered; several share a commit.");
  out.value("mayfly_store_closures_total", store.closures);
  out.family("mayfly_store_longest_commit_seconds", "gauge", "The longest commit since the start.");
  out.value("mayfly_store_longest_commit_seconds", seconds(store.longest_commit));
  out.family("mayfly_parked_callers", "gauge", "Responses that wait for a sandbox to settle.");
  out.value("mayfly_parked_callers", waiting_->size());
  out.family("process_resident_memory_bytes", "gauge", "Memory of this process.");
  out.value("process_resident_memory_bytes", resident_bytes());
  return out.take();
}

}  // namespace mayfly
