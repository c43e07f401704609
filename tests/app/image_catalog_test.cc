#include "app/image_catalog.h"

#include <gtest/gtest.h>

#include "support/given.h"

namespace mayfly {
namespace {

const Image debian{"sha256:debian", 100, {{"PATH", "/bin"}}, "/home"};
const Image newer{"sha256:newer", 120, {}, "/"};

struct Catalog {
  World world;
  ImageCatalog& images = world->images;

  Catalog() { world.images.at_path = {{"/tmp/debian.tar", debian}, {"/tmp/newer.tar", newer}}; }

  std::string import(const std::string& path, const std::string& name) {
    return outcome(images.import(world.admin(), path, name));
  }
  std::string remove(const std::string& name) { return outcome(images.remove(world.admin(), name)); }
  /// "busybox=sha256:busybox debian=sha256:debian"
  std::string names() {
    std::string line;
    for (const auto& [row, names, sandboxes, archives, unnamed_at] : must(images.list(world.caller(Role::reader))))
      if (!unnamed_at) line += (line.empty() ? "" : " ") + row.name + "=" + row.digest;
    return line;
  }
  bool has_files(const Image& image) { return world.images.files.contains(image.digest); }
};

TEST(ImageCatalog, HasTheBuiltInImageFromTheStart) {
  Catalog catalog;

  EXPECT_EQ(catalog.names(), "busybox=sha256:busybox");
  must(catalog.images.ensure_builtin());
  EXPECT_EQ(catalog.names(), "busybox=sha256:busybox");
}

TEST(ImageCatalog, AnImportGivesContentAName) {
  Catalog catalog;

  EXPECT_EQ(catalog.import("/tmp/debian.tar", "debian:bookworm"), "fine");

  EXPECT_EQ(catalog.names(), "busybox=sha256:busybox debian:bookworm=sha256:debian");
  EXPECT_EQ(catalog.import("/tmp/nothing.tar", "x"), "not_found");
}

TEST(ImageCatalog, NamesAreChecked) {
  for (const std::string name : {"a", "debian:bookworm", "team/tool:1.0-rc_2", "A1"})
    EXPECT_EQ(outcome(check_image_name(name)), "fine") << name;
  for (const std::string name : {"", "-a", ".a", "/a", "a b", "a\n", "sha256:debian", "caf\xC3\xA9", "gc",
                                 "builds"})
    EXPECT_EQ(outcome(check_image_name(name)), "invalid name_invalid") << name;
  EXPECT_EQ(outcome(check_image_name(std::string(128, 'a'))), "fine");
  EXPECT_EQ(outcome(check_image_name(std::string(129, 'a'))), "invalid name_invalid");
}

TEST(ImageCatalog, AnAliasIsASecondNameForTheSameFiles) {
  Catalog catalog;
  catalog.import("/tmp/debian.tar", "debian");

  must(catalog.images.alias("stable", "debian"));
  must(catalog.images.alias("stable", "debian"));
  EXPECT_EQ(catalog.names(), "busybox=sha256:busybox debian=sha256:debian stable=sha256:debian");

  must(catalog.images.alias("stable", "busybox"));
  EXPECT_EQ(catalog.names(), "busybox=sha256:busybox debian=sha256:debian stable=sha256:busybox");
  EXPECT_EQ(outcome(catalog.images.alias("stable", "nothing")), "not_found image_not_found");
}

TEST(ImageCatalog, TheLastNameTakesTheFilesWithIt) {
  Catalog catalog;
  catalog.import("/tmp/debian.tar", "debian");
  must(catalog.images.alias("stable", "debian"));

  EXPECT_EQ(catalog.remove("debian"), "fine");
  EXPECT_TRUE(catalog.has_files(debian));
  EXPECT_EQ(catalog.remove("stable"), "fine");
  EXPECT_TRUE(catalog.has_files(debian)) << "accepted, and nothing destroyed yet";
  EXPECT_EQ(catalog.names(), "busybox=sha256:busybox");
  catalog.world.run_workers();
  EXPECT_FALSE(catalog.has_files(debian));
  EXPECT_EQ(catalog.remove("stable"), "not_found image_not_found");
}

TEST(ImageCatalog, ItsDeleteIsATreeLikeEveryOther) {
  Catalog catalog;
  catalog.import("/tmp/debian.tar", "debian");

  const auto removal = must(catalog.images.remove(catalog.world.admin(), "debian"));

  EXPECT_EQ(catalog.world.steps_of(removal.task), "destroy_image ready, confirm_image waiting, forget_image waiting");
  catalog.world.run_workers();
  EXPECT_EQ(catalog.world.steps_of(removal.task),
            "destroy_image completed, confirm_image completed, forget_image completed");
  const auto content = catalog.world.row(removal.task).resource;
  EXPECT_EQ(catalog.world.story_of(content), "image.kept image.delete_accepted image.gone cleanup.completed");
  EXPECT_EQ(must(catalog.world.store.read([&](Transaction& t) { return t.images().content(content); })).resource.state,
            State::gone);
}

TEST(ImageCatalog, ADeleteThatCannotGoOnIsTriedAgainUntilItCan) {
  Catalog catalog;
  catalog.import("/tmp/debian.tar", "debian");
  const auto removal = must(catalog.images.remove(catalog.world.admin(), "debian"));

  catalog.world.images.stuck = true;
  catalog.world.run_workers();
  EXPECT_EQ(catalog.world.step(removal.task, Verb::destroy_image).phase, Phase::backing_off);
  catalog.world.restart();
  catalog.world.images.stuck = false;
  catalog.world.let_pass(1min);

  EXPECT_EQ(catalog.world.row(removal.task).phase, Phase::completed);
  EXPECT_FALSE(catalog.has_files(debian));
}

TEST(ImageCatalog, WhatIsBroughtInAgainWhileItIsDeletedStays) {
  Catalog catalog;
  catalog.import("/tmp/debian.tar", "debian");
  const auto removal = must(catalog.images.remove(catalog.world.admin(), "debian"));

  EXPECT_EQ(catalog.import("/tmp/debian.tar", "again"), "fine");
  catalog.world.run_workers();

  EXPECT_EQ(catalog.world.row(removal.task).phase, Phase::completed);
  EXPECT_TRUE(catalog.has_files(debian)) << "they are those of its next life";
  EXPECT_EQ(catalog.remove("again"), "fine");
  catalog.world.run_workers();
  EXPECT_FALSE(catalog.has_files(debian));
}

TEST(ImageCatalog, ARefusalNamesWhoNeedsTheImage) {
  Catalog catalog;
  catalog.import("/tmp/newer.tar", "second");
  const auto sandbox = catalog.world.a_stopped_sandbox();
  must(catalog.images.alias("only", "busybox"));
  catalog.import("/tmp/newer.tar", "busybox");

  const auto refused = catalog.images.remove(catalog.world.admin(), "only");

  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "image only is needed by 1 sandbox (" + sandbox.resource.id.text +
                "): delete those first, or give it another name to keep");
}

TEST(ImageCatalog, AListSaysHowManyNeedEach) {
  Catalog catalog;
  catalog.world.a_running_sandbox();
  catalog.world.an_archive();
  must(catalog.images.alias("second", "busybox"));

  const auto listed = must(catalog.images.list(catalog.world.admin()));

  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0].names, (std::vector<std::string>{"busybox", "second"}));
  EXPECT_EQ(listed[0].sandboxes, 1);
  EXPECT_EQ(listed[0].archives, 1);
  auto elsewhere = catalog.world.caller(Role::reader);
  elsewhere.workspace = {"wsp_another"};
  EXPECT_EQ(must(catalog.images.list(elsewhere))[0].sandboxes, 0) << "what others run is not told";
}

TEST(ImageCatalog, AReplacedImageIsCollectedAfterItsGrace) {
  Catalog catalog;
  auto& world = catalog.world;
  catalog.import("/tmp/debian.tar", "tool");
  catalog.import("/tmp/newer.tar", "tool");

  EXPECT_TRUE(must(catalog.images.collect(world.admin(), unnamed_grace, false)).empty());
  world.let_pass(unnamed_grace);
  const auto would = must(catalog.images.collect(world.admin(), unnamed_grace, true));
  ASSERT_EQ(would.size(), 1u);
  EXPECT_EQ(would[0].content.digest, debian.digest);
  EXPECT_FALSE(would[0].task) << "a dry run";
  world.run_workers();
  EXPECT_TRUE(catalog.has_files(debian));

  must(catalog.images.collect(world.admin(), unnamed_grace, false));
  world.run_workers();
  EXPECT_FALSE(catalog.has_files(debian));
  EXPECT_EQ(catalog.names(), "busybox=sha256:busybox tool=sha256:newer");
}

TEST(ImageCatalog, WhatIsNeededIsNotCollectedWithoutAName) {
  Catalog catalog;
  auto& world = catalog.world;
  const auto sandbox = world.a_stopped_sandbox();
  catalog.import("/tmp/newer.tar", "busybox");
  world.let_pass(unnamed_grace);

  EXPECT_TRUE(must(catalog.images.collect(world.admin(), 0s, false)).empty());
  EXPECT_EQ(catalog.remove("sha256:busybox"), "conflict image_in_use");

  world.remove(sandbox, {.archive = false});
  world.run_workers();
  EXPECT_EQ(catalog.remove("sha256:busybox"), "fine") << "what has no name goes by its digest";
}

TEST(ImageCatalog, ImagesOfBeforeTheirContentsHadRowsGetOne) {
  Catalog catalog;
  auto& world = catalog.world;
  world.images.files[debian.digest] = debian;
  must(world.store.write([](Transaction& t) { return t.images().put({"old", "sha256:debian", 1, {}, "/", t.now()}); }));

  must(catalog.images.settle());

  EXPECT_TRUE(catalog.has_files(debian));
  EXPECT_EQ(catalog.remove("old"), "fine");
  world.run_workers();
  EXPECT_FALSE(catalog.has_files(debian));
}

TEST(ImageCatalog, IsNotRemovedByItsDigest) {
  Catalog catalog;

  EXPECT_EQ(catalog.remove("sha256:busybox"), "not_found image_not_found");
}

TEST(ImageCatalog, TheBuiltInOneIsNotRemoved) {
  Catalog catalog;

  EXPECT_EQ(catalog.remove("busybox"), "conflict image_builtin") << "it would be back at the next start";

  EXPECT_EQ(catalog.names(), "busybox=sha256:busybox");
}

TEST(ImageCatalog, WhatASandboxUsesStays) {
  Catalog catalog;
  const auto sandbox = catalog.world.a_stopped_sandbox();
  must(catalog.images.alias("second", "busybox"));
  EXPECT_EQ(catalog.remove("second"), "fine") << "a name that is not the last";
  must(catalog.images.alias("second", "busybox"));
  catalog.import("/tmp/newer.tar", "busybox");
  EXPECT_EQ(catalog.remove("second"), "conflict image_in_use");

  catalog.world.remove(sandbox, {.archive = false});
  EXPECT_EQ(catalog.remove("second"), "conflict image_in_use") << "until nothing of it is left";
  catalog.world.run_workers();
  EXPECT_EQ(catalog.remove("second"), "fine");
}

TEST(ImageCatalog, WhatAnArchiveWasWrittenOverStays) {
  Catalog catalog;
  const auto archive = catalog.world.an_archive();
  must(catalog.images.alias("second", "busybox"));
  catalog.import("/tmp/newer.tar", "busybox");

  EXPECT_EQ(catalog.remove("second"), "conflict image_in_use");

  must(catalog.world->archives.remove(catalog.world.admin(), archive.resource.id.text));
  catalog.world.run_workers();
  EXPECT_EQ(catalog.remove("second"), "fine");
}

TEST(ImageCatalog, AnArchiveIsRestoredOverItsOwnImageAlsoWhenTheNameMeansAnotherOneNow) {
  Catalog catalog;
  auto& world = catalog.world;
  const auto archive = world.an_archive("my thesis");
  EXPECT_EQ(catalog.import("/tmp/newer.tar", "busybox"), "fine");
  must(catalog.images.settle());

  const auto restored = world.a_running_sandbox({.restore_from = archive.resource.id.text});

  EXPECT_EQ(restored.spec.image_digest, "sha256:busybox");
  EXPECT_TRUE(world.images.files.contains("sha256:busybox"));
  EXPECT_EQ(world.files_of(restored), "my thesis");
  EXPECT_EQ(world.a_running_sandbox().spec.image_digest, "sha256:newer") << "what the name means today";
}

TEST(ImageCatalog, FilesThatNothingNeedsAreCollected) {
  Catalog catalog;
  catalog.world.images.files[debian.digest] = debian;  // of an import that died before it was named
  catalog.world.a_running_sandbox();

  must(catalog.images.settle());

  EXPECT_FALSE(catalog.has_files(debian));
  EXPECT_TRUE(catalog.world.images.files.contains("sha256:busybox"));
}

TEST(ImageCatalog, OnlyAdminsChangeIt) {
  Catalog catalog;
  const auto member = catalog.world.caller(Role::member);

  EXPECT_EQ(outcome(catalog.images.import(member, "/tmp/debian.tar", "debian")), "denied role_too_low");
  EXPECT_EQ(outcome(catalog.images.remove(member, "busybox")), "denied role_too_low");
  EXPECT_FALSE(catalog.has_files(debian));
}

}  // namespace
}  // namespace mayfly
