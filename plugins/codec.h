/* A codec translates the frames of one kind of device into readings, and messages into frames: a shared
 * library that the serial adapter loads into its own process (`codec:` in its configuration). C, so that any
 * compiler and language can make one.
 *
 * The library exports one symbol, sluice_codec_v1. Rules:
 *   - `abi` and `size` come first in every structure. A codec of another abi is refused; a structure may grow
 * at its end, and whoever reads it looks at `size` before it touches what the older version did not have.
 *   - Bytes are borrowed: valid during the call that passes them, both ways. Nobody frees what the other
 * made.
 *   - No exception may leave a function; no function may block, start threads, or call the host later than
 * during its own call.
 *   - The host calls one function at a time, from one thread.
 */
#ifndef SLUICE_CODEC_H
#define SLUICE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_CODEC_ABI 1u

typedef struct sluice_bytes {
  const uint8_t* data; /* may be NULL when size is 0 */
  size_t size;
} sluice_bytes;

/* What the host does for a codec during a call. */
typedef struct sluice_codec_host {
  uint32_t abi;
  uint32_t size; /* of this structure */
  void* context; /* to be passed back */
  /* A reading of a device. `device`: its address on the bus, or its id; empty: the only one. `topic`: what
   * comes behind the device's own topic, as in "temp"; empty: nothing. At most 256 of them a call, 64 KiB
   * each. 0: taken. */
  int (*reading)(void* context, sluice_bytes device, sluice_bytes topic, sluice_bytes payload);
  /* A frame to be sent; the framing is the adapter's. At most 16 a call. 0: taken. */
  int (*send)(void* context, sluice_bytes frame);
  /* Level as in syslog: 3 error, 4 warning, 6 info, 7 debug. */
  void (*log)(void* context, int level, sluice_bytes text);
} sluice_codec_host;

enum {
  SLUICE_CODEC_OK = 0,
  SLUICE_CODEC_NOT_MINE = 1, /* decode: the frame is sound, and says nothing (an echo, a heartbeat) */
  SLUICE_CODEC_BAD = 2,   /* decode: not a frame of such a device; encode: cannot be said in such a frame */
  SLUICE_CODEC_FAILED = 3 /* the codec itself is in trouble */
};

typedef struct sluice_codec {
  uint32_t abi;  /* SLUICE_CODEC_ABI */
  uint32_t size; /* sizeof(sluice_codec) */
  const char* name;
  /* `config`: JSON, what the configuration has under `codec_config`. NULL: it cannot be used (say why with
   * host->log). */
  void* (*open)(const sluice_codec_host* host, sluice_bytes config);
  void (*close)(void* self);
  /* A frame from the line. Readings are acknowledged to the device when all of them are on disk: see `ack`.
   */
  int (*decode)(void* self, const sluice_codec_host* host, sluice_bytes frame);
  /* A message for a device. May be NULL: there are none. */
  int (*encode)(void* self, const sluice_codec_host* host, sluice_bytes device, sluice_bytes topic,
                sluice_bytes payload);
  /* It is the device's turn on the bus: send a request. May be NULL: the configuration's `poll` is sent. */
  int (*poll)(void* self, const sluice_codec_host* host, sluice_bytes device);
  /* All readings of the last decoded frame of this device are on disk (`taken` 1), or will not be (0). May be
   * NULL: the configuration's `ack` and `nack` are sent. */
  int (*ack)(void* self, const sluice_codec_host* host, sluice_bytes device, sluice_bytes frame, int taken);
} sluice_codec;

/* The one symbol. The structure lives as long as the library. */
const sluice_codec* sluice_codec_v1(void);

#ifdef __cplusplus
}
#endif

#endif
