#include "base/wire.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "driver/agent_client/connection.h"
#include "driver/agent_client/messages.h"

namespace mayfly {
namespace {

using namespace wire;

std::string_view body_of(const std::string& frame) { return std::string_view(frame).substr(header_size); }

HeaderBytes first_bytes(const std::string& frame) {
  HeaderBytes bytes;
  std::copy_n(frame.begin(), header_size, bytes.begin());
  return bytes;
}

RC_GTEST_PROP(Wire, WhatIsWrittenIsRead, (std::int64_t number, bool yes, const std::string& text)) {
  Writer writer(Kind::request, Operation::spawn);
  const auto frame = writer.integer(number).text(text).boolean(yes).count(1).text("x").frame();

  const auto header = decode_header(first_bytes(frame));
  RC_ASSERT(header.has_value());
  RC_ASSERT(header->kind == Kind::request && header->operation == Operation::spawn);
  RC_ASSERT(header->length + header_size == frame.size());
  Reader reader(body_of(frame));
  RC_ASSERT(reader.integer() == number);
  RC_ASSERT(reader.text(body_limit) == text);
  RC_ASSERT(reader.boolean() == yes);
  RC_ASSERT(reader.count(1) == 1u);
  RC_ASSERT(reader.text(1) == "x");
  RC_ASSERT(reader.end("it").has_value());
}

RC_GTEST_PROP(Wire, RandomBytesNeverMakeAReaderGoOn, (const std::string& bytes, const std::vector<char>& wishes)) {
  Reader reader(bytes);
  for (const char wish : wishes) switch (wish & 3) {
      case 0: reader.integer(-5, 5); break;
      case 1: RC_ASSERT(reader.text(100).size() <= 100u); break;
      case 2: RC_ASSERT(reader.count(100) <= 100u); break;
      default: reader.boolean();
    }
  if (!reader.good()) RC_ASSERT(!reader.end("it"));
}

RC_GTEST_PROP(Wire, RandomHeadersAreRefusedOrWithinTheirLimits, (std::uint64_t bits)) {
  HeaderBytes bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(bits >> (8 * i));
  bytes[4] = version;
  if (const auto header = decode_header(bytes)) RC_ASSERT(header->length <= body_limit);
}

TEST(Wire, AHeaderIsBelievedOnlyWhenWeWouldSendIt) {
  const auto decoded = [](Header header, int version_byte = version) {
    auto bytes = encode(header);
    bytes[4] = static_cast<char>(version_byte);
    const auto result = decode_header(bytes);
    return result ? std::string("fine") : std::string(name(result.error().code));
  };

  EXPECT_EQ(decoded({Kind::request, Operation::status, 0}), "fine");
  EXPECT_EQ(decoded({Kind::data, Operation::none, body_limit}), "fine");
  EXPECT_EQ(decoded({Kind::data, Operation::none, body_limit + 1}), "invalid");
  EXPECT_EQ(decoded({Kind::data, Operation::none, 0xffffffff}), "invalid");
  EXPECT_EQ(decoded({Kind::request, Operation::none, 0}), "invalid");
  EXPECT_EQ(decoded({Kind::answer, Operation::status, 0}), "invalid");
  EXPECT_EQ(decoded({static_cast<Kind>(0), Operation::none, 0}), "invalid");
  EXPECT_EQ(decoded({static_cast<Kind>(6), Operation::none, 0}), "invalid");
  EXPECT_EQ(decoded({Kind::request, Operation::status, 0}, 2), "unsupported");
}

TEST(Wire, AFieldIsBelievedOnlyInItsPlace) {
  const auto body = Writer(Kind::answer).integer(7).text("abc").body();
  const auto reading = [&](auto read) {
    Reader reader(body);
    read(reader);
    const auto end = reader.end("the answer");
    return end ? std::string("fine") : end.error().message;
  };

  EXPECT_EQ(reading([](Reader& r) {
              r.integer();
              r.text(3);
            }),
            "fine");
  EXPECT_EQ(reading([](Reader& r) { r.integer(); }), "the answer holds more fields than it should");
  EXPECT_EQ(reading([](Reader& r) { r.text(3); }), "the answer holds a field of another type than it should");
  EXPECT_EQ(reading([](Reader& r) {
              r.integer(0, 6);
              r.text(3);
            }),
            "the answer holds an integer out of its range");
  EXPECT_EQ(reading([](Reader& r) {
              r.integer();
              r.text(2);
            }),
            "the answer holds a text longer than its limit");
  EXPECT_EQ(reading([](Reader& r) {
              r.integer();
              r.text(3);
              r.integer();
            }),
            "the answer holds fewer fields than it should");
}

TEST(Wire, AListLongerThanItsFrameIsNoReasonToReserveMemory) {
  const auto body = Writer(Kind::answer).count(1'000'000).text("only one").body();

  Reader reader(body);

  EXPECT_EQ(reader.count(2'000'000), 0u);
  EXPECT_FALSE(reader.good());
}

TEST(Wire, AnAgentGivesOnlyCodesThatOperationsGive) {
  const auto decoded = [](Code code) { return decode_error(body_of(error_frame({code, "why", "word", {}}))); };

  EXPECT_EQ(decoded(Code::not_found).code, Code::not_found);
  EXPECT_EQ(decoded(Code::not_found).message, "why");
  EXPECT_EQ(decoded(Code::not_found).reason, "word");
  EXPECT_EQ(decoded(Code::unauthenticated).code, Code::internal);
  EXPECT_EQ(decode_error("rubbish").code, Code::internal);
}

TEST(Wire, ReplyIsTheSameHoweverItIsCutIntoPieces) {
  auto bytes = Writer(Kind::answer).integer(3).frame();
  bytes += Writer(Kind::data).text("abc").frame() + Writer(Kind::data).text("def").frame() + Writer(Kind::end).frame();
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    agent_client::ReplyReader reader("it", 100);

    EXPECT_EQ(reader.take(std::string_view(bytes).substr(0, cut)).value(), false);
    EXPECT_EQ(reader.take(std::string_view(bytes).substr(cut)).value(), true);

    EXPECT_EQ(reader.reply().content.size(), 2 * 8u);
  }
}

RC_GTEST_PROP(Wire, RandomRepliesAreReadOrRefused, (const std::string& fields, const std::string& content)) {
  const agent_client::Reply reply{fields, content};
  agent_client::read_status(reply).has_value();
  agent_client::read_process(reply).has_value();
  agent_client::read_processes(reply).has_value();
  agent_client::read_run({fields, content}).has_value();
  agent_client::read_log({fields, content}, 100).has_value();
  agent_client::read_stat(reply).has_value();
  agent_client::read_list(reply).has_value();
  agent_client::read_tree(reply).has_value();
}

}  // namespace
}  // namespace mayfly
