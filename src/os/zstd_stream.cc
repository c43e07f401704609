#include "os/zstd_stream.h"

#include <string>

#include <zstd.h>

namespace mayfly::os {

namespace {

// Level 1 with two workers keeps a pack above the speed of the disk; level 3 costs a third more for a tenth less.
constexpr int level = 1;
constexpr int workers = 2;
constexpr std::size_t buffer_bytes = 256 << 10;
// What our own frames need is 512 KiB. A frame that asks for more than 16 MiB is not one of them.
constexpr int largest_window_log = 24;

Error zstd_error(std::size_t code) {
  return {Code::invalid, std::string("cannot read the archive: ") + ZSTD_getErrorName(code), {}, {}};
}

}  // namespace

ZstdSink::ZstdSink(Sink& to) : to_(to), context_(ZSTD_createCCtx()), out_(buffer_bytes) {
  CHECK(context_ != nullptr);
  ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1);
  // A library built without threads refuses this and compresses in the caller's.
  ZSTD_CCtx_setParameter(context_, ZSTD_c_nbWorkers, workers);
}

ZstdSink::~ZstdSink() { ZSTD_freeCCtx(context_); }

Status ZstdSink::write(std::span<const char> bytes) { return pump(bytes, false); }

Status ZstdSink::finish() { return pump({}, true); }

Status ZstdSink::pump(std::span<const char> bytes, bool end) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{out_.data(), out_.size(), 0};
    const std::size_t left = ZSTD_compressStream2(context_, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0) {
      return fail(Code::internal, std::string("cannot compress the archive: ") + ZSTD_getErrorName(left));
    }
    if (out.pos > 0) TRY(to_.write(std::span(out_).first(out.pos)));
    if (end ? left == 0 : in.pos == in.size) return {};
  }
}

ZstdSource::ZstdSource(Source& from)
    : from_(from), context_(ZSTD_createDCtx()), in_(buffer_bytes), out_(buffer_bytes) {
  CHECK(context_ != nullptr);
  ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, largest_window_log);
}

ZstdSource::~ZstdSource() { ZSTD_freeDCtx(context_); }

Result<std::span<const char>> ZstdSource::next() {
  for (;;) {
    if (in_begin_ == in_end_) {
      in_begin_ = 0;
      in_end_ = TRY(from_.read(in_));
      if (in_end_ == 0) {
        if (whole_) return std::span<const char>();
        return fail(Code::invalid, "cannot read the archive: it is torn, its compressed bytes end too early");
      }
      if (whole_) return fail(Code::invalid, "cannot read the archive: more bytes follow its end");
    }
    ZSTD_inBuffer in{in_.data() + in_begin_, in_end_ - in_begin_, 0};
    ZSTD_outBuffer out{out_.data(), out_.size(), 0};
    const std::size_t left = ZSTD_decompressStream(context_, &out, &in);
    if (ZSTD_isError(left) != 0) return tl::unexpected(zstd_error(left));
    in_begin_ += in.pos;
    if (left == 0) {
      whole_ = true;
      if (in_begin_ != in_end_) return fail(Code::invalid, "cannot read the archive: more bytes follow its end");
    }
    if (out.pos > 0) return std::span<const char>(out_).first(out.pos);
  }
}

}  // namespace mayfly::os
