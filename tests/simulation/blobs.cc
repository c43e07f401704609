// Where archives are kept, and how they are read back. Objects hold what they were given, or what became of it.

#include "simulation/host.h"

#include <algorithm>

#include "store/memory/store.h"

namespace mayfly::simulation {

namespace {

// One of those that flip while bytes are written or lie, and another while they are read: no read mends what is wrong.
constexpr char written_bit = 1, read_bit = 2;

void flip(std::string& bytes, Chance& chance, char bit) {
  if (!bytes.empty()) bytes[chance.below(bytes.size())] ^= bit;
}

Error down() { return {Code::unavailable, "the store is down", {}, {}}; }

class ObjectWriter : public BlobWriter {
 public:
  ObjectWriter(Host& host, std::string key) : host_(host), key_(std::move(key)) {}

  Status write(std::span<const char> bytes) override {
    if (host_.strike(&Faults::short_write)) {
      bytes_.append(bytes.data(), bytes.size() / 2);
      return fail(Code::no_space, "the disk is full");
    }
    bytes_.append(bytes.data(), bytes.size());
    return {};
  }

  Status commit() override {
    host_.note("blob " + key_);
    host_.meanwhile();
    if (host_.strike(&Faults::blob_down)) return tl::unexpected(down());
    if (host_.strike(&Faults::lying_blob)) return {};
    if (host_.strike(&Faults::torn_blob)) bytes_.resize(bytes_.size() / 2);
    if (host_.strike(&Faults::flipped_bit)) flip(bytes_, *host_.chance, written_bit);
    const bool dies = host_.strike(&Faults::crash_in_effect);
    if (dies && host_.chance->percent(50)) throw SimulatedCrash{};
    if (!host_.objects.try_emplace(key_, bytes_).second) return fail(Code::conflict, "the key is taken");
    if (dies) throw SimulatedCrash{};
    return {};
  }

 private:
  Host& host_;
  std::string key_, bytes_;
};

class ObjectReader : public Source {
 public:
  explicit ObjectReader(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<std::size_t> read(std::span<char> room) override {
    const auto count = std::min(room.size(), bytes_.size() - at_);
    std::copy_n(bytes_.data() + at_, count, room.data());
    at_ += count;
    return count;
  }

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

class SimulatedBlobs : public BlobStore {
 public:
  explicit SimulatedBlobs(Host& host) : host_(host) {}
  Result<std::unique_ptr<BlobWriter>> create(const std::string& key) override {
    if (host_.objects.contains(key)) return fail(Code::conflict, "the key is taken");
    return std::unique_ptr<BlobWriter>(new ObjectWriter(host_, key));
  }
  Result<std::unique_ptr<Source>> open(const std::string& key) override { return open_at(key, 0); }
  Result<std::unique_ptr<Source>> open_at(const std::string& key, std::int64_t offset) override {
    host_.meanwhile();
    if (host_.strike(&Faults::blob_down)) return tl::unexpected(down());
    const auto found = host_.objects.find(key);
    if (found == host_.objects.end()) return fail(Code::not_found, "no object " + key);
    auto bytes = found->second.substr(static_cast<std::size_t>(offset));
    if (host_.strike(&Faults::flip_on_read)) flip(bytes, *host_.chance, read_bit);
    return std::unique_ptr<Source>(new ObjectReader(std::move(bytes)));
  }
  Result<BlobInfo> stat(const std::string& key) override {
    if (host_.strike(&Faults::blob_down)) return tl::unexpected(down());
    const auto found = host_.objects.find(key);
    if (found == host_.objects.end()) return fail(Code::not_found, "no object " + key);
    return BlobInfo{key, static_cast<std::int64_t>(found->second.size())};
  }
  Status remove(const std::string& key) override {
    host_.note("remove " + key);
    host_.meanwhile();
    if (host_.strike(&Faults::blob_down)) return tl::unexpected(down());
    if (host_.strike(&Faults::lying_removal)) return {};
    if (host_.strike(&Faults::crash_in_effect)) throw SimulatedCrash{};
    host_.objects.erase(key);
    return {};
  }
  Result<std::vector<BlobInfo>> list(const std::string& prefix) override {
    host_.meanwhile();
    if (host_.strike(&Faults::blob_down)) return tl::unexpected(down());
    std::vector<BlobInfo> all;
    for (const auto& [key, bytes] : host_.objects)
      if (key.starts_with(prefix)) all.push_back({key, static_cast<std::int64_t>(bytes.size())});
    return all;
  }

 private:
  Host& host_;
};

class SimulatedReader : public ArchiveReader {
 public:
  Result<ManifestSummary> read_back(Source& tar, Source* manifest) override {
    std::string content(1 << 12, 0), expected(1 << 8, 0);
    content.resize(TRY(tar.read(content)));
    if (manifest) expected.resize(TRY(manifest->read(expected)));
    const auto found = summary_of(content);
    if (manifest && found.digest != expected) return fail(Code::conflict, "the first line differs");
    return found;
  }
  std::unique_ptr<Source> plain(std::unique_ptr<Source> tar) override { return tar; }
  Result<ArchivedFile> file(std::unique_ptr<Source> tar, const std::string&) override {
    return ArchivedFile{0, std::move(tar), {}};
  }
  Status visit(Source&, const std::string& path, const ArchiveVisitor&) override {
    return fail(Code::not_found, "the archive has nothing at " + path);
  }
};

}  // namespace

std::unique_ptr<BlobStore> blobs_of(Host& host) { return std::make_unique<SimulatedBlobs>(host); }
std::unique_ptr<ArchiveReader> reader_of(Host&) { return std::make_unique<SimulatedReader>(); }

}  // namespace mayfly::simulation
