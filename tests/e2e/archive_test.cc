// An archive on a real disk: what it holds without fetching it, in other forms, and whether its bytes are still right.

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "e2e/server.h"
#include "os/file.h"
#include "os/process.h"

namespace mayfly::test {
namespace {

using ::testing::HasSubstr;

class Archived : public Served {
 protected:
  void SetUp() override {
    Served::SetUp();
    const auto id = given_sandbox();
    ASSERT_EQ(api().output(id, "mkdir -p /data/sub && cd /data && echo hello > hello && ln hello again && mkfifo pipe"
                               " && head -c 300000 /dev/urandom > noise && touch 'sub/50%' && echo made"),
              "made\n");
    noise_ = api().get(Api::of(id, "files/content?path=/data/noise")).text;
    ASSERT_EQ(noise_.size(), 300'000u);
    const auto removed = api().remove(Api::of(id));
    ASSERT_TRUE(server_.task_completes(removed.string("cleanup_task_id")));
    archive_ = std::string(api().get("/v1/archives?sandbox=" + id).items().at(0).at("id").as_string());
  }

  std::string of(const std::string& rest = {}) const { return "/v1/archives/" + archive_ + rest; }

  /// The stored object, or the manifest beside it.
  std::string object(const std::string& ending) const {
    for (const auto& found : std::filesystem::recursive_directory_iterator(server_.data() + "/archives"))
      if (found.path().filename() == archive_ + ending) return found.path();
    return {};
  }

  std::string run(const std::string& line) {
    os::RunOptions options;
    options.argv = {"/bin/sh", "-c", line};
    options.cwd = server_.folder();
    const auto ran = os::run(options);
    EXPECT_TRUE(ran) << line;
    return ran ? ran->out : std::string();
  }

  void put(const std::string& name, const std::string& bytes) {
    std::ofstream(server_.folder() + "/" + name, std::ios::binary) << bytes;
  }

  std::string archive_, noise_;
};

TEST_F(Archived, TellsWhatItHoldsAndWhatItDoesNot) {
  const auto one = api().get(of());
  EXPECT_EQ(one.at("left_out"), json::value(1)) << one;
  EXPECT_EQ(one.at("left_out_paths"), json::value(json::array{"data/pipe"})) << one;

  const auto first = api().get(of("/files?path=/data&limit=4"));
  const auto second = api().get(of("/files?path=/data&limit=4&cursor=" + first.string("next_cursor")));

  std::string paths;
  for (const auto& page : {first, second})
    for (const auto& item : page.items()) paths += std::string(item.at("path").as_string()) + " ";
  EXPECT_EQ(paths, "data data/again data/hello data/noise data/sub data/sub/50%25 ");
  EXPECT_EQ(second.at("next_cursor"), json::value(nullptr));
  EXPECT_EQ(api().get(of("/files?path=/dat")).items().size(), 0u);
  EXPECT_EQ(api().get(of("/files?cursor=7")).status, 400);
}

TEST_F(Archived, GivesOneFileOfIt) {
  EXPECT_EQ(api().get(of("/content?path=/data/noise")).text, noise_);
  EXPECT_EQ(api().get(of("/content?path=data/hello")).text, "hello\n");
  EXPECT_EQ(api().get(of("/content?path=/data/again")).text, "hello\n") << "any of its names";
  EXPECT_EQ(api().get(of("/content?path=/data/sub/50%2525")).status, 200) << "as the list spells it";
  EXPECT_EQ(api().get(of("/content?path=/data/sub")).string("code"), "not_a_file");
  EXPECT_EQ(api().get(of("/content?path=/data/none")).status, 404);
  EXPECT_EQ(api().get(of("/content?path=/")).status, 400);
}

TEST_F(Archived, IsDownloadedAsATarThatSaysWhatItsManifestSays) {
  put("plain.tar", api().get(of("/download?format=tar")).text);
  put("stored.tar.zst", api().get(of("/download")).text);

  EXPECT_EQ(api().get(of("/download?format=zip")).status, 400);
  EXPECT_EQ(api().get(of("/download")).text, api().get(of("/content")).text);
  const auto listed = run("tar -tvf plain.tar");
  EXPECT_THAT(listed, HasSubstr(" 300000 "));
  EXPECT_THAT(listed, HasSubstr("data/hello link to data/again"));
  std::string names;
  for (const auto& item : api().get(of("/files?limit=1000")).items())
    if (const auto& type = item.at("type").as_string(); type != "whiteout" && type != "opaque")
      names += std::string(item.at("path").as_string()) + "\n";
  EXPECT_EQ(run("tar -tf plain.tar | sed -e 's,/$,,' -e 's/%/%25/' | grep -v '\\.wh\\.'"), names);
  put("noise", noise_);
  EXPECT_EQ(run("tar -xOf plain.tar data/noise | cmp - noise && echo same"), "same\n");
}

TEST_F(Archived, IsFoundDamagedWhenOneByteOfItFlips) {
  const auto whole = api().post(of("/verify"));
  EXPECT_EQ(whole.status, 200) << whole;
  EXPECT_EQ(whole.at("intact"), json::value(true));
  {
    std::fstream stored(object(".tar.zst"), std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(stored);
    const auto middle = static_cast<std::streamoff>(std::filesystem::file_size(object(".tar.zst")) / 2);
    stored.seekg(middle);
    const char byte = static_cast<char>(stored.get() ^ 1);
    stored.seekp(middle);
    stored.put(byte);
  }

  const auto looked = api().post(of("/verify"));

  EXPECT_EQ(looked.status, 200) << looked;
  EXPECT_EQ(looked.at("intact"), json::value(false)) << looked;
  EXPECT_THAT(looked.string("verify_error"), HasSubstr("data/noise")) << "the file that the byte is of";
  EXPECT_EQ(looked.at("verified_at"), whole.at("verified_at")) << "when it was last right";
  EXPECT_EQ(api().get(of()).string("verify_error"), looked.string("verify_error"));
  EXPECT_EQ(api().get("/v1/events?subject=" + archive_ + "&type=archive.verify_failed").items().size(), 1u);
}

TEST_F(Archived, IsFoundDamagedWhenItIsTornOrItsManifestIsGone) {
  std::filesystem::resize_file(object(".tar.zst"), 1000);
  EXPECT_EQ(api().post(of("/verify")).at("intact"), json::value(false));

  std::filesystem::remove(object(".tar.zst.manifest"));
  EXPECT_THAT(api().post(of("/verify")).string("verify_error"), HasSubstr("manifest is missing"));

  // Doctor tells of it until it is deleted.
  const auto removed = api().remove(of());
  ASSERT_EQ(removed.status, 202) << removed;
  EXPECT_TRUE(server_.task_completes(removed.string("cleanup_task_id")));
}

TEST_F(Archived, EndsWhenItIsToldTo) {
  const auto put_expiry = [&](const std::string& body) { return api().call("PUT", of("/expiry"), body); };
  EXPECT_EQ(put_expiry("{}").string("code"), "expiry_ambiguous");
  EXPECT_EQ(put_expiry(R"({"retention_seconds": null})").at("expires_at"), json::value(nullptr));
  EXPECT_NE(put_expiry(R"({"retention_seconds": 3600})").at("expires_at"), json::value(nullptr));
  const auto kept = api().post(of("/keep"), json::object{{"extend_seconds", 3600}});
  EXPECT_EQ(kept.status, 200) << kept;

  advance(3700);
  EXPECT_EQ(api().get(of()).string("state"), "active");
  advance(3600);

  EXPECT_TRUE(comes_true([&] { return api().get(of()).status == 404; }));
  EXPECT_EQ(object(".tar.zst"), "");
}

}  // namespace
}  // namespace mayfly::test
