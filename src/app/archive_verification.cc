// A look at an archive's bytes that somebody asked for, long after they were written.

#include "app/archives.h"
#include "app/audit.h"

namespace mayfly {

namespace {

// Each keeps a core and the disk busy, and a thread that others wait for.
constexpr int most_at_a_time = 2;
// A caller past this is told to come again, instead of waiting for an hour.
constexpr std::size_t most_that_wait = 100;

/// Ends early when nobody will wait for what it brings.
class StoppableSource : public Source {
 public:
  StoppableSource(std::unique_ptr<Source> from, const std::atomic<bool>& stopping)
      : from_(std::move(from)), stopping_(stopping) {}
  Result<std::size_t> read(std::span<char> room) override {
    if (stopping_) return fail(Code::unavailable, "the server is stopping", "stopping");
    return from_->read(room);
  }

 private:
  std::unique_ptr<Source> from_;
  const std::atomic<bool>& stopping_;
};

}  // namespace

bool says_nothing_of_the_bytes(Code code) {
  return code != Code::not_found && code != Code::invalid && code != Code::conflict && code != Code::too_large;
}

void Archives::verify(const Caller& caller, const std::string& id, std::function<void(Result<Archive>)> then) {
  if (auto allowed = require(caller, Role::member); !allowed) return then(tl::unexpected(std::move(allowed).error()));
  auto archive = get(caller, id);
  if (!archive) return then(std::move(archive));
  if (archive->resource.state != State::active) {
    const auto state = std::string(name(archive->resource.state));
    return then(fail(Code::conflict, "archive " + id + " is " + state, "state_" + state));
  }
  bool room = false, begin = false;
  {
    const std::lock_guard guard(mutex_);
    room = verifications_.size() < most_that_wait && !stopping_;
    if (room) verifications_.push_back({caller, std::move(*archive), then});
    begin = room && verifying_ < most_at_a_time;
    verifying_ += begin ? 1 : 0;
  }
  if (!room)
    return then(fail(Code::unavailable, "no more archives can be verified now; try again later", "verify_busy"));
  if (begin) post([this] { verify_queued(); });
}

void Archives::stop_verifying() {
  std::deque<Verification> waiting;
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
    waiting.swap(verifications_);
  }
  for (auto& wanted : waiting) wanted.then(fail(Code::unavailable, "the server is stopping", "stopping"));
}

void Archives::verify_queued() {
  for (;;) {
    Verification wanted;
    {
      const std::lock_guard guard(mutex_);
      if (verifications_.empty()) {
        --verifying_;
        return;
      }
      wanted = std::move(verifications_.front());
      verifications_.pop_front();
    }
    wanted.then(verify_now(wanted));
  }
}

Result<Archive> Archives::verify_now(const Verification& wanted) {
  const auto compared = compare(wanted.archive);
  if (!compared && says_nothing_of_the_bytes(compared.error().code))
    return tl::unexpected(in_context("verifying archive " + wanted.archive.resource.id.text, compared.error()));
  return store_.write([&](Transaction& t) -> Result<Archive> {
    Archive archive = TRY(visible(t, wanted.caller, wanted.archive.resource.id.text));
    // Deleted meanwhile: its bytes are going, and that is no damage.
    if (archive.resource.state != State::active)
      return fail(Code::conflict, "archive " + archive.resource.id.text + " was deleted while it was verified",
                  "state_" + std::string(name(archive.resource.state)));
    archive.resource.updated_at = t.now();
    archive.verify_error = compared ? std::string() : compared.error().message;
    if (compared) archive.verified_at = t.now();
    TRY(t.archives().update(archive));
    if (!compared)
      TRY(audit(t, random_, wanted.caller, "archive.verify_failed", archive.resource,
                {{"error", archive.verify_error}, {"digest", archive.content.digest}}));
    return archive;
  });
}

Status Archives::compare(const Archive& archive) {
  auto tar = blobs_.open(archive.key);
  if (!tar && tar.error().code == Code::not_found) return fail(Code::not_found, "its tar is missing");
  if (!tar) return tl::unexpected(tar.error());
  const auto manifest = blobs_.open(manifest_key(archive));
  if (!manifest && manifest.error().code == Code::not_found) return fail(Code::not_found, "its manifest is missing");
  if (!manifest) return tl::unexpected(manifest.error());
  StoppableSource bytes(std::move(*tar), stopping_);
  const auto found = TRY(reader_.read_back(bytes, manifest->get()));
  if (found.digest == archive.content.digest && found.entries == archive.content.entries) return {};
  return fail(Code::conflict, "tar and manifest agree, and are not the ones that were recorded: the digest is " +
                                  found.digest + ", not " + archive.content.digest);
}

}  // namespace mayfly
