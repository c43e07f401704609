// Volumes in real sandboxes: what one writes another reads, whatever became of the first, and what must not get out.

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "e2e/server.h"

namespace mayfly::test {
namespace {

using ::testing::HasSubstr;

class Volumes : public Served {
 protected:
  std::string given_volume(const std::string& name, json::object wish = {}) {
    wish["name"] = name;
    const auto made = api().post("/v1/volumes", std::move(wish));
    EXPECT_EQ(made.status, 201) << made << server_.log();
    return made.string("id");
  }
  static json::object mounting(const std::string& volume, const std::string& path, bool read_only = false) {
    return {{"mounts", json::array{json::object{{"volume", volume}, {"path", path}, {"read_only", read_only}}}}};
  }
  void delete_volume(const std::string& id, const std::string& query = "?archive=false") {
    const auto accepted = api().remove("/v1/volumes/" + id + query);
    ASSERT_EQ(accepted.status, 202) << accepted;
    ASSERT_TRUE(server_.task_completes(accepted.string("cleanup_task_id")));
    EXPECT_EQ(api().get("/v1/volumes/" + id).string("state"), "gone");
  }
  std::string only_archive_of(const std::string& volume) {
    const auto items = api().get("/v1/archives?volume=" + volume).items();
    EXPECT_EQ(items.size(), 1u);
    return items.empty() ? "" : std::string(items[0].at("id").as_string());
  }
};

TEST_F(Volumes, OutliveTheSandboxesThatWriteToThem) {
  const auto volume = given_volume("data");
  const auto first = given_sandbox(mounting("data", "/data"));
  EXPECT_EQ(api().output(first, "echo kept > /data/file && chmod 640 /data/file && stat -c '%u:%g %a' /data/file"),
            "0:0 640\n");
  for (const auto* verb : {"stop", "start"}) EXPECT_EQ(api().post(Api::of(first, verb)).status, 200) << verb;
  EXPECT_EQ(api().output(first, "cat /data/file"), "kept\n");
  server_.delete_now(first);

  const auto second = given_sandbox(mounting(volume, "/mnt/deep/data"));
  EXPECT_EQ(api().output(second, "cat /mnt/deep/data/file; stat -c '%u:%g %a' /mnt/deep/data/file"), "kept\n0:0 640\n");
  EXPECT_EQ(api().output(second, "grep ' /mnt/deep/data ' /proc/mounts | grep -c nosuid,nodev"), "1\n");
}

TEST_F(Volumes, AreSharedAndReadOnlyWhereThatWasAsked) {
  given_volume("shared");
  const auto writer = given_sandbox(mounting("shared", "/in"));
  const auto reader = given_sandbox(mounting("shared", "/in", true));

  EXPECT_EQ(api().exec(writer, "echo seen > /in/file").at("exit_code"), json::value(0));

  EXPECT_EQ(api().output(reader, "cat /in/file"), "seen\n");
  EXPECT_NE(api().exec(reader, "echo more >> /in/file").at("exit_code"), json::value(0));
  EXPECT_NE(api().exec(reader, "mount -o remount,rw /in").at("exit_code"), json::value(0));
  EXPECT_EQ(api().output(writer, "cat /in/file"), "seen\n");
  EXPECT_EQ(api().get(Api::of(reader)).at("mounts"),
            json::value(json::array{json::object{{"volume_id", api().get("/v1/volumes/shared").string("id")},
                                                 {"path", "/in"},
                                                 {"read_only", true}}}));
}

TEST_F(Volumes, AreNotDeletedWhileSomethingMountsThem) {
  const auto volume = given_volume("busy");
  auto wish = mounting("busy", "/data");
  wish["name"] = "holder";
  const auto holder = given_sandbox(wish);
  EXPECT_EQ(api().post(Api::of(holder, "stop")).status, 200);

  const auto refused = api().remove("/v1/volumes/busy?archive=false");
  EXPECT_EQ(refused.status, 409) << refused;
  EXPECT_EQ(refused.string("code"), "volume_mounted");
  EXPECT_THAT(refused.string("detail"), HasSubstr("holder"));

  server_.delete_now(holder);
  delete_volume(volume);
  const auto late = api().create(mounting(volume, "/data"));
  EXPECT_EQ(late.status, 404) << late;
}

TEST_F(Volumes, AreArchivedBeforeTheyGoAndRestoredByteForByte) {
  const auto volume = given_volume("work", {{"size_mb", 64}, {"labels", json::object{{"of", "test"}}}});
  const auto writer = given_sandbox(mounting("work", "/w"));
  constexpr const char* look =
      "cd /w && find . | sort && md5sum noise && readlink dangling && stat -c '%a %u %g %Y' noise empty && "
      "stat -c %h twin && stat -c %s sparse && md5sum sparse";
  EXPECT_EQ(api().output(writer,
                         "cd /w && dd if=/dev/urandom of=noise bs=4096 count=64 2>/dev/null && chmod 4751 noise && "
                         "chown 7:8 noise && mkdir empty && ln -s /nowhere/at/all dangling && ln noise twin && "
                         "dd if=/dev/zero of=sparse bs=1 count=1 seek=8000000 2>/dev/null && echo made"),
            "made\n");
  const auto before = api().output(writer, look);
  server_.delete_now(writer);
  delete_volume(volume, "");
  const auto archive = only_archive_of(volume);
  EXPECT_EQ(api().get("/v1/archives/" + archive).string("volume_name"), "work");

  const auto again = given_volume("work", {{"restore_from", archive}});
  EXPECT_EQ(api().get("/v1/volumes/work").at("size_mb"), json::value(64));
  const auto reader = given_sandbox(mounting(again, "/w"));
  EXPECT_EQ(api().output(reader, look), before);

  EXPECT_EQ(api().create({{"restore_from", archive}}).string("code"), "archive_of_volume");
}

TEST_F(Volumes, AreNotInTheArchivesOfSandboxes) {
  given_volume("apart");
  const auto sandbox = given_sandbox(mounting("apart", "/data"));
  EXPECT_EQ(api().output(sandbox, "echo in-volume > /data/secret && echo own > /own && echo done"), "done\n");
  const auto removed = api().remove(Api::of(sandbox));
  ASSERT_TRUE(server_.task_completes(removed.string("cleanup_task_id")));

  const auto archives = api().get("/v1/archives?sandbox=" + sandbox).items();
  ASSERT_EQ(archives.size(), 1u);
  const auto archive = std::string(archives[0].at("id").as_string());
  const auto files = api().get("/v1/archives/" + archive + "/files").text;
  EXPECT_THAT(files, HasSubstr("\"own\""));
  EXPECT_THAT(files, ::testing::Not(HasSubstr("secret")));
  EXPECT_EQ(api().post("/v1/volumes", json::object{{"restore_from", archive}}).string("code"), "archive_of_sandbox");
}

TEST_F(Volumes, LeadNobodyOut) {
  std::ofstream(server_.folder() + "/host-secret") << "of the host";
  given_volume("trap");
  const auto maker = given_sandbox(mounting("trap", "/t"));
  const auto secret = server_.folder() + "/host-secret";
  EXPECT_EQ(api().output(maker, "ln -s " + secret + " /t/out && ln -s / /t/root && ln -s ../../../.. /t/up && echo ok"),
            "ok\n");
  const auto victim = given_sandbox(mounting("trap", "/t"));

  EXPECT_NE(api().exec(victim, "cat /t/out").at("exit_code"), json::value(0));
  EXPECT_EQ(api().output(victim, "ls -d /t/root/t /t/up/t"), "/t/root/t\n/t/up/t\n") << "of the sandbox itself";
  EXPECT_EQ(api().get(Api::of(victim, "files/content?path=/t/out")).status, 404);
  // A volume below a link that a volume holds is no place of its own.
  for (const auto& id : {maker, victim}) server_.delete_now(id);
  const auto removed = api().remove("/v1/volumes/trap");
  ASSERT_TRUE(server_.task_completes(removed.string("cleanup_task_id")));
  const auto volume = api().get("/v1/archives").items();
  ASSERT_EQ(volume.size(), 1u);
  const auto archive = std::string(volume[0].at("id").as_string());
  const auto files = api().get("/v1/archives/" + archive + "/files").items();
  EXPECT_EQ(std::ranges::count_if(files, [](const json::object& file) { return file.at("type") == "link"; }), 3)
      << "links are kept as links";
  EXPECT_EQ(std::filesystem::exists(secret), true);
}

TEST_F(Volumes, AreMountedOnlyWhereAFolderMayBe) {
  given_volume("a");
  given_volume("b");
  for (const auto* path : {"relative", "/", "/proc", "/proc/1", "/sys/fs", "/dev/shm", "/.mayfly/agent", "/a/../proc",
                           "/a/./b", "/a//b", "/a/", "/..", "/dev\n"}) {
    const auto refused = api().create(mounting("a", path));
    EXPECT_EQ(refused.status, 400) << path << " " << refused;
    EXPECT_EQ(refused.string("code"), "mount_path_invalid") << path;
  }
  const auto two = [&](const std::string& first, const std::string& second) {
    return api().create({{"mounts", json::array{json::object{{"volume", "a"}, {"path", first}},
                                                json::object{{"volume", "b"}, {"path", second}}}}});
  };
  EXPECT_EQ(two("/same", "/same").status, 400);
  EXPECT_EQ(two("/outer", "/outer/inner").status, 400);
  EXPECT_EQ(two("/one", "/one-more").status, 201);
  EXPECT_EQ(api().create({{"mounts", json::array{json::object{{"volume", "a"}}}}}).status, 400);
  const json::object unknown = {{"volume", "a"}, {"path", "/x"}, {"mode", "ro"}};
  EXPECT_EQ(api().create({{"mounts", json::array{unknown}}}).status, 400);
  EXPECT_EQ(api().create(mounting("none", "/x")).string("code"), "volume_not_found");
}

TEST_F(Volumes, ALinkOfTheSandboxsOwnFilesLeadsNoMountAstray) {
  given_volume("v");
  const auto maker = given_sandbox();
  EXPECT_EQ(api().output(maker, "ln -s /proc /astray && ln -s / /all && ln -s /var/place /fine && mkdir -p /var/place"
                                " && ln -s /nowhere /dangling && echo text > /file && echo ok"), "ok\n");
  const auto removed = api().remove(Api::of(maker));
  ASSERT_TRUE(server_.task_completes(removed.string("cleanup_task_id")));
  const auto archive = std::string(api().get("/v1/archives?sandbox=" + maker).items().at(0).at("id").as_string());
  const auto restored_at = [&](const std::string& path) {
    auto wish = mounting("v", path);
    wish["restore_from"] = archive;
    return api().create(wish);
  };

  for (const auto* path : {"/astray", "/astray/sys", "/all", "/dangling", "/dangling/below", "/file"}) {
    const auto refused = restored_at(path);
    EXPECT_EQ(refused.status, 503) << path << " " << refused;
    EXPECT_THAT(refused.string("detail"), HasSubstr("cannot be mounted")) << path;
  }
  EXPECT_EQ(restored_at("/fine").status, 201) << server_.log();
}

TEST_F(Volumes, WithoutARecordAreFoundToldAndKeptForADay) {
  const auto volume = given_volume("known");
  const auto uid = std::string("019aa5c2f1d07c3e8b0a5d3f61c2e7b4");
  const auto layers = server_.data() + "/layers/";
  std::filesystem::copy(layers + volume.substr(4), layers + uid, std::filesystem::copy_options::recursive);
  std::ofstream(layers + uid + "/1/upper/file") << "text";
  EXPECT_THAT(server_.doctor().text, HasSubstr(uid));
  server_.restart();

  const auto orphan = "/v1/volumes/vol_" + uid;
  EXPECT_TRUE(comes_true([&] { return api().get(orphan).status == 200; })) << server_.doctor();
  EXPECT_EQ(api().output(given_sandbox(mounting("vol_" + uid, "/o")), "cat /o/file"), "text");
  server_.delete_all();
  EXPECT_EQ(api().get(orphan).string("state"), "active");
  advance(25 * 3600);
  EXPECT_TRUE(comes_true([&] { return api().get(orphan).string("state") == "gone"; })) << api().get(orphan);
  EXPECT_EQ(api().get("/v1/archives?volume=vol_" + uid).items().size(), 1u) << "its bytes went with an archive";
}

TEST_F(Volumes, ThatGrowPastTheirSizeStopWhoWrites) {
  given_volume("small", {{"size_mb", 1}});
  const auto writer = given_sandbox(mounting("small", "/s"));
  const auto reader = given_sandbox(mounting("small", "/s", true));
  EXPECT_THAT(boost::json::serialize(api().get("/v1/volumes/small").at("caveats")), HasSubstr("watched, not hard"));

  api().exec(writer, "dd if=/dev/urandom of=/s/big bs=65536 count=64 2>/dev/null");

  EXPECT_TRUE(comes_true([&] { return api().state(writer) == "stopped"; })) << api().get(Api::of(writer));
  EXPECT_EQ(api().get(Api::of(writer)).string("ended.reason"), "volume_limit");
  EXPECT_EQ(api().state(reader), "running");
}

}  // namespace
}  // namespace mayfly::test
