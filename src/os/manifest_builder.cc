#include "os/manifest_builder.h"

#include <array>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "os/content_hash.h"
#include "os/hash.h"
#include "os/manifest_line.h"

namespace mayfly::os {

namespace {

// Small files share a batch, so that a handover to the hashing thread is rare; a few batches keep both sides busy.
constexpr std::size_t batch_bytes = 1 << 20;
constexpr std::size_t batch_count = 4;
// A read of less than this is not worth it: then a new batch begins.
constexpr std::size_t least_room = 64 << 10;
// Entries weigh by their texts, so that a batch of xattrs is bounded like a batch of contents.
constexpr std::size_t batch_entry_bytes = 512 << 10;

struct Step {
  enum class What { entry, begin_file, content, end_file } what;
  LayerEntry entry;
  std::int64_t offset = 0;
  std::size_t begin = 0, count = 0;
};

struct Batch {
  std::vector<char> bytes = std::vector<char>(batch_bytes);
  std::size_t used = 0;
  std::size_t entry_bytes = 0;
  std::vector<Step> steps;
};

std::size_t weight(const LayerEntry& entry) {
  std::size_t bytes = sizeof(Step) + entry.path.size() + entry.target.size();
  for (const auto& [name, value] : entry.xattrs) bytes += name.size() + value.size() + 64;
  return bytes;
}

}  // namespace

struct ManifestBuilder::Impl {
  explicit Impl(OnLines lines) : on_lines(std::move(lines)) {
    for (Batch& batch : batches) free.push_back(&batch);
  }

  OnLines on_lines;
  std::array<Batch, batch_count> batches;
  Batch* current = nullptr;   // the caller's own

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Batch*> free, full;
  std::string lines;          // finished, not yet handed out
  bool closing = false;

  // The hashing thread's own, until it has ended.
  LayerEntry file;
  std::optional<ContentHash> content;
  Sha256 digest;
  ManifestSummary summary;

  std::thread thread;

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [&] { return closing || !full.empty(); });
      if (full.empty()) return;
      Batch* batch = full.front();
      full.pop_front();
      lock.unlock();
      std::string made;
      for (Step& step : batch->steps) take(step, *batch, made);
      digest.update(made);
      batch->steps.clear();
      batch->used = batch->entry_bytes = 0;
      lock.lock();
      lines += made;
      free.push_back(batch);
      changed.notify_all();
    }
  }

  void take(Step& step, const Batch& batch, std::string& made) {
    switch (step.what) {
      case Step::What::entry:
        made += manifest_line(step.entry, {});
        ++summary.entries;
        break;
      case Step::What::begin_file:
        file = std::move(step.entry);
        content.emplace(file.size);
        break;
      case Step::What::content:
        content->add(step.offset, std::span(batch.bytes).subspan(step.begin, step.count));
        break;
      case Step::What::end_file:
        made += manifest_line(file, content->finish());
        ++summary.entries;
        summary.content_bytes += file.size;
        break;
    }
  }

  /// A batch to write into. Waits only while every batch is with the hashing thread, which always makes progress.
  void need_batch() {
    if (current != nullptr) return;
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !free.empty(); });
    current = free.front();
    free.pop_front();
  }

  Status submit() {
    std::string ready;
    {
      const std::lock_guard lock(mutex);
      if (current != nullptr) full.push_back(std::exchange(current, nullptr));
      ready.swap(lines);
      changed.notify_all();
    }
    return ready.empty() ? Status() : on_lines(ready);
  }

  Status push(Step step) {
    need_batch();
    current->entry_bytes += weight(step.entry);
    current->steps.push_back(std::move(step));
    return current->entry_bytes >= batch_entry_bytes ? submit() : Status();
  }

  void end() {
    {
      const std::lock_guard lock(mutex);
      closing = true;
      changed.notify_all();
    }
    if (thread.joinable()) thread.join();
  }
};

Result<std::unique_ptr<ManifestBuilder>> ManifestBuilder::start(OnLines on_lines) {
  auto impl = std::make_unique<Impl>(std::move(on_lines));
  try {
    impl->thread = std::thread([raw = impl.get()] { raw->work(); });
  } catch (const std::system_error& error) {
    return fail(Code::exhausted, std::string("cannot start a thread for hashing: ") + error.what());
  }
  return std::unique_ptr<ManifestBuilder>(new ManifestBuilder(std::move(impl)));
}

ManifestBuilder::ManifestBuilder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ManifestBuilder::~ManifestBuilder() { impl_->end(); }

Status ManifestBuilder::add(const LayerEntry& entry) { return impl_->push({Step::What::entry, entry, 0, 0, 0}); }

Status ManifestBuilder::begin_file(const LayerEntry& entry) {
  return impl_->push({Step::What::begin_file, entry, 0, 0, 0});
}

Result<std::span<char>> ManifestBuilder::room() {
  if (impl_->current != nullptr && batch_bytes - impl_->current->used < least_room) TRY(impl_->submit());
  impl_->need_batch();
  return std::span(impl_->current->bytes).subspan(impl_->current->used);
}

void ManifestBuilder::content(std::int64_t offset, std::size_t count) {
  Batch& batch = *impl_->current;
  CHECK(count <= batch_bytes - batch.used);
  // Many tiny pieces in a row, as a reader may deliver them, are one step.
  if (!batch.steps.empty()) {
    Step& last = batch.steps.back();
    if (last.what == Step::What::content && last.offset + static_cast<std::int64_t>(last.count) == offset) {
      last.count += count;
      batch.used += count;
      return;
    }
  }
  batch.steps.push_back({Step::What::content, {}, offset, batch.used, count});
  batch.entry_bytes += sizeof(Step);
  batch.used += count;
}

Status ManifestBuilder::end_file() { return impl_->push({Step::What::end_file, {}, 0, 0, 0}); }

Result<ManifestSummary> ManifestBuilder::finish() {
  TRY(impl_->submit());
  impl_->end();
  TRY(impl_->submit());
  impl_->summary.digest = impl_->digest.hex();
  return impl_->summary;
}

}  // namespace mayfly::os
