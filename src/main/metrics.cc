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
  /// Counts up to each bound, then of all, and the sum.
  template <class Bounds, class Within>
  void histogram(const std::string& name, const Bounds& bounds, Within within, std::uint64_t count, Duration total,
                 const std::string& labels = {}) {
    const std::string before = labels.empty() ? "" : labels + ",";
    for (std::size_t i = 0; i < bounds.size(); ++i)
      value(name + "_bucket", within(i), before + "le=\"" + std::to_string(seconds(bounds[i])) + "\"");
    value(name + "_bucket", count, before + "le=\"+Inf\"");
    value(name + "_sum", seconds(total), labels);
    value(name + "_count", count, labels);
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

void add_driver(Exposition& out, const MeasuredDriver& driver) {
  const std::string name = "mayfly_driver_call_seconds";
  const auto call = [](int number) { return static_cast<MeasuredDriver::Call>(number); };
  const auto label = [](MeasuredDriver::Call c) { return "call=\"" + std::string(MeasuredDriver::name_of(c)) + "\""; };
  out.family(name, "histogram", "How long calls of the driver take.");
  for (int i = 0; i < MeasuredDriver::call_count; ++i) {
    const auto& took = driver.of(call(i)).took;
    out.histogram(name, Histogram::bounds, [&](std::size_t bound) { return took.within(bound); }, took.count(),
                  took.total(), label(call(i)));
  }
  out.family("mayfly_driver_errors_total", "counter", "Calls of the driver that ended in an error.");
  for (int i = 0; i < MeasuredDriver::call_count; ++i)
    out.value("mayfly_driver_errors_total", driver.of(call(i)).errors.load(), label(call(i)));
}

/// What is to be done and not yet done, and how long it has waited.
void add_queue(Exposition& out, const std::vector<OpenTasks>& open, Time now) {
  const auto label = [](const OpenTasks& tasks) {
    return "kind=\"" + std::string(name(tasks.verb)) + "\",status=\"" + std::string(name(tasks.status)) + "\"";
  };
  out.family("mayfly_cleanup_tasks", "gauge", "Deletes that have not completed, by kind and status.");
  for (const auto& tasks : open) out.value("mayfly_cleanup_tasks", tasks.count, label(tasks));
  out.family("mayfly_cleanup_oldest_seconds", "gauge", "The age of the oldest of them.");
  for (const auto& tasks : open)
    out.value("mayfly_cleanup_oldest_seconds", seconds(now - tasks.oldest), label(tasks));
}

}  // namespace

std::string Engine::metrics() const {
  Exposition out;
  out.family("mayfly_pool_ready", "gauge", "Started sandboxes that wait for a create, by image.");
  for (const auto& [digest, count] : pool_->ready()) out.value("mayfly_pool_ready", count, "image=\"" + digest + "\"");
  out.family("mayfly_sandboxes_asleep", "gauge", "Running sandboxes that are put to sleep.");
  out.value("mayfly_sandboxes_asleep", standby_->count_asleep());
  (void)store_->read([&](Transaction& t) -> Status {
    out.family("mayfly_sandboxes", "gauge", "Sandboxes by state, without those that are gone.");
    for (const auto& [state, count] : TRY(t.sandboxes().count_by_state()))
      out.value("mayfly_sandboxes", count, "state=\"" + std::string(name(state)) + "\"");
    add_queue(out, TRY(t.tasks().open_by_verb()), t.now());
    std::int64_t paused = 0, tripped = 0;
    for (const auto& pause : TRY(t.cleanup_records().pauses())) {
      if (pause.scope.starts_with("allowed:")) continue;
      ++(pause.tripped ? tripped : paused);
    }
    out.family("mayfly_cleanup_pauses", "gauge", "What holds deletes up, by who stopped it.");
    out.value("mayfly_cleanup_pauses", paused, "by=\"person\"");
    out.value("mayfly_cleanup_pauses", tripped, "by=\"blast_radius\"");
    return {};
  });
  const auto late = deadlines_->lateness();
  using Lateness = Deadlines::Lateness;
  out.family("mayfly_expiry_lateness_seconds", "histogram", "How long after its deadline an expiry was decided.");
  out.histogram("mayfly_expiry_lateness_seconds", Lateness::bounds, [&](std::size_t i) { return late.within[i]; },
                late.fired, late.total);
  out.family("mayfly_expiry_lateness_seconds_max", "gauge", "The latest one since the start.");
  out.value("mayfly_expiry_lateness_seconds_max", seconds(late.longest));

  out.family("mayfly_work_total", "counter", "Attempts of cleanup steps and transitions, by how they ended.");
  out.value("mayfly_work_total", worker_->counters.done.load(), "result=\"done\"");
  out.value("mayfly_work_total", worker_->counters.retried.load(), "result=\"retried\"");
  out.value("mayfly_work_total", worker_->counters.failed.load(), "result=\"failed\"");
  out.value("mayfly_work_total", worker_->counters.zombies.load(), "result=\"zombie\"");
  out.family("mayfly_breaker_open", "gauge", "Whether nothing is begun that needs this driver: it does not answer.");
  for (const auto& [part, breaker] : dispatcher_->parts())
    out.value("mayfly_breaker_open", breaker.state() == dispatch::Breaker::State::closed ? 0 : 1,
              "driver=\"" + std::string(dispatch::name(part)) + "\"");
  out.family("mayfly_archived_bytes_total", "counter", "Compressed bytes of archives that were verified.");
  out.value("mayfly_archived_bytes_total", archiver_->bytes_archived.load());
  out.family("mayfly_freed_bytes_total", "counter", "Bytes of files of sandboxes and volumes that were destroyed.");
  out.value("mayfly_freed_bytes_total", driver_->bytes_freed.load());
  add_driver(out, *measured_);

  const auto store = store_->stats();
  out.family("mayfly_store_commit_seconds", "summary", "How long commits take, the sync included.");
  out.value("mayfly_store_commit_seconds_sum", seconds(store.all_commits));
  out.value("mayfly_store_commit_seconds_count", store.commits);
  out.family("mayfly_store_longest_commit_seconds", "gauge", "The longest commit since the start.");
  out.value("mayfly_store_longest_commit_seconds", seconds(store.longest_commit));
  out.family("mayfly_store_closures_total", "counter", "Writes answered; several share a commit.");
  out.value("mayfly_store_closures_total", store.closures);
  out.family("mayfly_store_largest_group", "gauge", "The most writes that shared a commit since the start.");
  out.value("mayfly_store_largest_group", store.largest_group);
  out.family("mayfly_store_waiting", "gauge", "Writes in the queue.");
  out.value("mayfly_store_waiting", store.waiting);
  out.family("mayfly_http_requests_total", "counter", "Requests answered, by route and class of status.");
  for (const auto& [key, count] : requests.all())
    out.value("mayfly_http_requests_total", count, "route=\"" + key.first + "\",status=\"" + key.second + "\"");
  out.family("mayfly_rate_limited_total", "counter", "Requests refused because their key called too fast.");
  out.value("mayfly_rate_limited_total", access_->limits.refused.load());
  out.family("mayfly_parked_callers", "gauge", "Responses that wait for a sandbox to settle.");
  out.value("mayfly_parked_callers", waiting_->size());
  out.family("process_resident_memory_bytes", "gauge", "Memory of this process.");
  out.value("process_resident_memory_bytes", resident_bytes());
  return out.take();
}

}  // namespace mayfly
