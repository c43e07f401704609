#pragma once

/// clone(2) by its other name in the C library: what watches threads takes a clone for a fork, and from then on ignores
/// the thread that called it, though that one lives on. Who runs in shared memory is marked [[gnu::no_sanitize]].
extern "C" int __clone(int (*run)(void*), void* stack, int flags, void* argument, ...);
