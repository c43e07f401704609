#pragma once
// A writable overlay layer as a tar, and back, without loss and without ever holding it in memory.
//
// The tar is pax with zstd. What only an overlay knows is written in OCI form: a whiteout (character device 0:0) as an
// empty file ".wh.NAME", an opaque folder as an entry ".wh..wh..opq" in it. A user's own file whose name begins with
// ".wh." is kept apart by a mark in its header (the extended attribute mayfly.literal=1, which no real file can have),
// a whiteout of such a name by mayfly.whiteout=1. Kept: modes with setuid bits, owners, mtimes to the nanosecond,
// symbolic and hard links, extended attributes, holes of sparse files, empty folders, names of any bytes.
// Left out, counted, the first ones named: sockets, FIFOs, devices. overlay's other private xattrs are never archived;
// a layer that uses its redirects or metacopies is refused (Code::unsupported), for its content lies elsewhere.
//
// The layer's own folder is the first entry, ".". Each folder comes before what is in it, names sorted by their bytes.
//
// The manifest is one JSON line per entry in the order of the tar:
//   {"path":"a/b","type":"file","size":3,"mode":420,"uid":0,"gid":0,"mtime_ns":..,"sha256":"..","xattrs":{..}}
// with type file, folder, link ("target"), hardlink ("target": the earlier name), whiteout or opaque. Bytes that are no
// UTF-8, and '%', are %XX. Two layers with the same lines are the same. Where a file of more than 1 MiB has aligned
// blocks of 64 KiB of zeros, on disk or as a hole, "sha256" is over the other bytes and "zeros" stands for the places
// of those: exabytes of hole cost nothing.

#include "base/manifest.h"
#include "base/stream.h"

namespace mayfly::os {

/// Packs the folder `layer`. Entries are sorted within each folder, so equal layers give equal manifests. Paths in
/// `exclude` ("/var/cache") are left out with all below. A file or folder that changes while it is read: Code::busy.
/// Code::too_large: a path of more than 32 KiB, 640 KiB of extended attributes on one entry, a million holes in one
/// file. The sinks are called in the caller's thread.
Result<ManifestSummary> pack_layer(int layer, const Exclusions& exclude, Sink& tar, Sink& manifest);

/// Reads such a tar to its end and derives the manifest again from its bytes. With `expected`, compares line by line;
/// Code::conflict names the first that differs. A torn or altered tar is Code::conflict or Code::invalid.
Result<ManifestSummary> read_back_layer(Source& tar, Source* expected);

/// Unpacks such a tar into the empty folder `layer` and syncs it. Refuses (Code::invalid) entries that would leave it:
/// "..", absolute names, a path through a symbolic link, a hard link to outside; and any that pack_layer would not have
/// written there. What was made until then stays for the caller to remove.
Result<ManifestSummary> unpack_layer(Source& tar, int layer);

/// Applies one layer of a container image (tar, any compression libarchive has built in) onto the root file system
/// `root`: OCI whiteouts delete what lower layers made. The same refusals of what would leave it. Devices, FIFOs and
/// sockets are left out. The names of the layer's entries are held in memory, nothing else.
Status apply_image_layer(Source& tar, int root);

}  // namespace mayfly::os
