/* Codecs that break the rules of codec.h, one for each BAD_… that this file is compiled with. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/codec.h"

#ifdef BAD_SYMBOL
const sluice_codec* another_symbol(void) { return NULL; }
#else

static void* bad_open(const sluice_codec_host* host, sluice_bytes config) {
  (void)host;
  (void)config;
#ifdef BAD_OPEN
  return NULL;
#else
  static char own;
  return &own;
#endif
}
static void bad_close(void* self) { (void)self; }

static int bad_decode(void* self, const sluice_codec_host* host, sluice_bytes frame) {
  (void)self;
  (void)host;
  (void)frame;
  static char huge[1 << 20];
  (void)huge;
  sluice_bytes none = {NULL, 0}, something = {(const uint8_t*)"x", 1};
  (void)something;
  (void)none;
#if defined(BAD_NULL_BYTES)
  sluice_bytes wild = {NULL, 100};
  return host->reading(host->context, none, none, wild);
#elif defined(BAD_HUGE)
  sluice_bytes big = {(const uint8_t*)huge, sizeof huge};
  host->reading(host->context, none, none, big);
  return SLUICE_CODEC_OK; /* whatever it was told */
#elif defined(BAD_FLOOD)
  for (int i = 0; i < 100000; ++i) host->reading(host->context, none, none, something);
  return SLUICE_CODEC_OK;
#elif defined(BAD_FRAMES)
  for (int i = 0; i < 100000; ++i) host->send(host->context, something);
  return SLUICE_CODEC_OK;
#elif defined(BAD_LOG)
  sluice_bytes big = {(const uint8_t*)huge, sizeof huge};
  memset(huge, 'l', sizeof huge);
  host->log(host->context, 99, big);
  return SLUICE_CODEC_NOT_MINE;
#elif defined(BAD_CODE)
  return -12345;
#elif defined(BAD_CRASH)
  *(volatile int*)8 = 1;
  return 0;
#elif defined(BAD_HANG)
  for (volatile unsigned n = 0;; n = n + 1) {
  }
#else
  return SLUICE_CODEC_OK;
#endif
}

const sluice_codec* sluice_codec_v1(void) {
  static sluice_codec codec;
  codec.abi = SLUICE_CODEC_ABI;
  codec.size = sizeof codec;
  codec.name = "bad";
  codec.open = bad_open;
  codec.close = bad_close;
  codec.decode = bad_decode;
#ifdef BAD_ABI
  codec.abi = 7;
#endif
#ifdef BAD_SIZE
  codec.size = 8;
#endif
#ifdef BAD_NEWER
  codec.size = sizeof codec + 64;
#endif
#ifdef BAD_OLDER
  codec.size = offsetof(sluice_codec, encode);
  codec.encode = (int (*)(void*, const sluice_codec_host*, sluice_bytes, sluice_bytes, sluice_bytes))8; /* not there, by its size */
#endif
#ifdef BAD_NULL
  codec.decode = NULL;
#endif
#ifdef BAD_NOTHING
  return NULL;
#else
  return &codec;
#endif
}
#endif
