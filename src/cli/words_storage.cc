#include "cli/command_tree.h"

namespace mayfly::cli {

void CommandTree::archives() {
  auto& l = line_;
  auto* archive = group("archive", "what deleted sandboxes have left");
  auto* ls = add(archive, "ls", "list archives", [&l](Session& s) { return list_archives(s, l.list); });
  ls->add_option("--sandbox", l.list.sandbox, "only of that sandbox")->type_name("ID");
  add_states(ls, l.list.states, "only those in that state, may be repeated; active without one");
  add_pages(ls, l.list.all);
  needs(add(archive, "get", "show one archive", [&l](Session& s) { return get_archive(s, l.subject); }), "ARCHIVE");
  needs(add(archive, "rm", "delete an archive", [&l](Session& s) { return remove_archive(s, l.subject); }), "ARCHIVE");
  needs(add(archive, "verify", "read its bytes back and compare them with its manifest",
            [&l](Session& s) { return verify_archive(s, l.subject); }),
        "ARCHIVE");
  auto* expiry = add(archive, "expiry", "say when it ends",
                     [&l](Session& s) { return set_archive_expiry(s, l.subject, l.archive); });
  needs(expiry, "ARCHIVE");
  expiry->add_option("--retention", l.archive.retention, "so long after it was made, or never")->type_name("D");
  expiry->add_option("--at", l.archive.at, "at that time")->type_name("TIME");
  auto* keep = add(archive, "keep", "let it be kept for longer",
                   [&l](Session& s) { return keep_archive(s, l.subject, l.second, l.third); });
  needs(keep, "ARCHIVE");
  keep->add_option("D", l.second, "how much longer");
  keep->add_option("--until", l.third, "until when at least")->type_name("TIME");
  auto* files = add(archive, "files", "list what it holds, without fetching it",
                    [&l](Session& s) { return list_archive_files(s, l.subject, l.archive); });
  needs(files, "ARCHIVE");
  files->add_option("PATH", l.archive.path, "only what lies there and below");
  add_pages(files, l.archive.all);
  auto* download = add(archive, "download", "fetch its tar.zst, or one file of it",
                       [&l](Session& s) { return download_archive(s, l.subject, l.archive); });
  needs(download, "ARCHIVE");
  download->add_option("--path", l.archive.path, "that file only")->type_name("PATH");
  download->add_flag("--tar", l.archive.plain_tar, "without the compression");
  download->add_option("-o,--output", l.archive.file, "ARCHIVE.tar.zst without one; - is stdout")->type_name("FILE");

  auto* restore = add(&app_, "restore", "make a sandbox whose files begin as an archive, or bring one path of it back",
                      [&l](Session& s) -> Result<int> {
                        if (l.restore.path.empty() && l.restore.into.empty()) return create(s, l.create);
                        if (l.restore.path.empty() || l.restore.into.empty())
                          return fail(Code::invalid, "restore: --path and --into belong together");
                        l.restore.archive = l.create.restore_from;
                        return restore_path(s, l.restore);
                      });
  restore->add_option("--path", l.restore.path, "only that file or folder of the archive")->type_name("PATH");
  restore->add_option("--into", l.restore.into, "into that sandbox, which must run")->type_name("SANDBOX");
  restore->add_option("--to", l.restore.to, "where to put it there; where it was without one")->type_name("PATH");
  restore->add_option("ARCHIVE", l.create.restore_from)->required();
  add_create(restore, l.create);
  add_env(restore, l.create.env);
  restore->add_flag("--no-wait", l.create.no_wait, "do not wait until it runs");
}

void CommandTree::images() {
  auto& l = line_;
  auto* image = group("image", "what sandboxes are made of");
  add(image, "ls", "list images", [](Session& s) { return list_images(s); });
  auto* import = add(image, "import", "bring in what docker save wrote, an OCI layout, or a tar of a root file system",
                     [&l](Session& s) { return import_image(s, l.image); });
  import->add_option("PATH", l.image.path)->required();
  import->add_option("--name", l.image.name, "what it is to be called here")->required();
  import->add_flag("--on-server", l.image.on_server, "the path is one of the server's host; folders always are");
  auto* build =
      add(image, "build", "make one of Debian packages", [&l](Session& s) { return build_image(s, l.image); });
  build->add_option("FROM", l.image.from, "debian")->required();
  build->add_option("--packages", l.image.packages, "beside those of a minimal system: python3,git")->delimiter(',');
  build->add_option("--name", l.image.name, "what it is to be called; made of the packages without one");
  build->add_option("--release", l.image.release, "bookworm without one");
  build->add_flag("--no-wait", l.image.no_wait, "do not wait until it is done");
  auto* gc = add(image, "gc", "delete contents that have no name and that nothing needs",
                 [&l](Session& s) { return collect_images(s, l.image); });
  gc->add_flag("--dry-run", l.image.dry_run, "only say which");
  gc->add_option("--grace", l.image.grace, "without a name for so long; 1h without it")->type_name("D");
  needs(add(image, "rm", "remove an image that nothing uses", [&l](Session& s) { return remove_image(s, l.subject); }),
        "NAME");
}

void CommandTree::volumes() {
  auto& l = line_;
  auto* volume = group("volume", "folders that outlive their sandboxes");
  auto* create = add(volume, "create", "make a volume", [&l](Session& s) { return create_volume(s, l.volume); });
  create->add_option("NAME", l.volume.name, "made up without one");
  create->add_option("--size", l.volume.size_mb, "MiB of files")->check(CLI::PositiveNumber)->type_name("MIB");
  add_labels(create, l.volume.labels, "KEY=VALUE, may be repeated");
  create->add_option("--restore-from", l.volume.restore_from, "its files begin as that archive of a volume")
      ->type_name("ARCHIVE");
  auto* ls = add(volume, "ls", "list volumes", [&l](Session& s) { return list_volumes(s, l.list); });
  add_states(ls, l.list.states, "only those in that state, may be repeated");
  add_labels(ls, l.list.labels, "only those that carry it, may be repeated");
  add_pages(ls, l.list.all);
  needs(add(volume, "get", "show one volume", [&l](Session& s) { return get_volume(s, l.subject); }), "VOLUME");
  auto* rm = add(volume, "rm", "archive and delete a volume that nothing mounts",
                 [&l](Session& s) { return remove_volume(s, l.subject, l.remove); });
  needs(rm, "VOLUME");
  add_removal(rm, l.remove);
}

}  // namespace mayfly::cli
