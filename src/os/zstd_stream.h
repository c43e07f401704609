#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/stream.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace mayfly::os {

/// Compresses into another sink: one zstd frame with a checksum.
class ZstdSink : public Sink {
 public:
  explicit ZstdSink(Sink& to);
  ~ZstdSink() override;
  ZstdSink(const ZstdSink&) = delete;

  Status write(std::span<const char> bytes) override;
  /// Ends the frame. Without it the output is torn, and its reader will say so.
  Status finish();

 private:
  Status pump(std::span<const char> bytes, bool end);

  Sink& to_;
  ZSTD_CCtx_s* context_;
  std::vector<char> out_;
};

/// The bytes of exactly one zstd frame. Torn, altered, or followed by anything: Code::invalid.
class ZstdSource {
 public:
  explicit ZstdSource(Source& from);
  ~ZstdSource();
  ZstdSource(const ZstdSource&) = delete;

  /// The next bytes, good until the next call; empty at the end of a whole frame.
  Result<std::span<const char>> next();

 private:
  Source& from_;
  ZSTD_DCtx_s* context_;
  std::vector<char> in_, out_;
  std::size_t in_begin_ = 0, in_end_ = 0;
  bool whole_ = false;        // the frame has ended
};

}  // namespace mayfly::os
