#pragma once

// Which sanitizers this file is compiled with; g++ and clang tell it in different ways.
#if defined(__SANITIZE_ADDRESS__)
#define CHAINLINE_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHAINLINE_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef CHAINLINE_ADDRESS_SANITIZER
#define CHAINLINE_ADDRESS_SANITIZER 0
#endif

// The build says so itself for the file that switches stacks, which ThreadSanitizer must not touch.
#ifndef CHAINLINE_THREAD_SANITIZER
#if defined(__SANITIZE_THREAD__)
#define CHAINLINE_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHAINLINE_THREAD_SANITIZER 1
#endif
#endif
#ifndef CHAINLINE_THREAD_SANITIZER
#define CHAINLINE_THREAD_SANITIZER 0
#endif
#endif
