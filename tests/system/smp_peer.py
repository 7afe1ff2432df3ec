"""A device that speaks SMP by the library of others (PyPI `smp`), on a pty: what the gateway's side says must be what they
understand, and the other way round. Two slots, test and confirm, as far as an update needs them.
"""

import hashlib
import os
import random
import threading
import tty

from smp import header as smphdr
from smp import image_management as img
from smp import os_management as osm
from smp import packet
from smpclient.mcuboot import IMAGE_TLV, ImageInfo

CLASSES = {
    (smphdr.GroupId.OS_MANAGEMENT, 0): osm.EchoWriteRequest,
    (smphdr.GroupId.OS_MANAGEMENT, 5): osm.ResetWriteRequest,
    (smphdr.GroupId.OS_MANAGEMENT, 6): osm.MCUMgrParametersReadRequest,
    (smphdr.GroupId.OS_MANAGEMENT, 7): osm.OSApplicationInfoReadRequest,
    (smphdr.GroupId.OS_MANAGEMENT, 8): osm.BootloaderInformationReadRequest,
    (smphdr.GroupId.IMAGE_MANAGEMENT, 1): img.ImageUploadWriteRequest,
    (smphdr.GroupId.IMAGE_MANAGEMENT, 5): img.ImageEraseRequest,
}


def hash_of(path):
    """By smpclient's own reader of MCUboot images."""
    return ImageInfo.load_file(str(path)).get_tlv(IMAGE_TLV.SHA256).value


class Image:
    """What a slot holds; the hash is the TLV at the end of the simulator's images."""

    def __init__(self, file):
        self.file, self.hash = file, file[-32:]
        self.version = f"{file[20]}.{file[21]}.{int.from_bytes(file[22:24], 'little')}"


class PythonDevice:
    """`drop`: the share of lines that are lost, both ways."""

    def __init__(self, factory, drop=0.0):
        master, slave = os.openpty()
        tty.setraw(slave)
        self.master, self.slave, self.path = master, slave, os.ttyname(slave)
        self.running, self.second, self.pending, self.trial = Image(factory), None, False, False
        self.upload, self.seen, self.refusals, self.resets = None, [], [], 0
        self.drop, self.chance, self.dropped = drop, random.Random(1), 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        buffer, decoder = b"", None
        while True:
            try:
                buffer += os.read(self.master, 4096)
            except OSError:
                return
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                if self.loses():
                    continue
                if line.startswith(packet.START_DELIMITER):
                    decoder = packet.decode()
                    next(decoder)
                if decoder is None:
                    self.refusals.append(line)
                    continue
                try:
                    decoder.send(line + b"\n")
                except StopIteration as whole:
                    decoder = None
                    self.answer(whole.value)
                except Exception as error:  # a line is missing
                    decoder = None
                    self.refusals.append((line, error))

    def loses(self):
        lost = self.chance.random() < self.drop
        self.dropped += lost
        return lost

    def answer(self, frame):
        try:
            header = smphdr.Header.loads(frame[:8])
            kind = CLASSES.get((header.group_id, header.command_id))
            if kind is None and header.group_id == smphdr.GroupId.IMAGE_MANAGEMENT and header.command_id == 0:
                kind = img.ImageStatesReadRequest if header.op == smphdr.OP.READ else img.ImageStatesWriteRequest
            request = kind.loads(frame)  # pydantic, extra keys forbidden
        except Exception as error:  # whatever the library does not like
            self.refusals.append((frame, error))
            return
        self.seen.append(request)
        reply = bytearray(self.reply(request, {"version": header.version, "sequence": header.sequence}).BYTES)
        reply[0] = (reply[0] & ~7) | (header.op + 1)  # the library's answer to a state write says that it answers a read
        os.write(self.master, b"".join(line for line in packet.encode(bytes(reply)) if not self.loses()))
        if isinstance(request, osm.ResetWriteRequest):
            self.boot()

    def reply(self, request, envelope):
        if isinstance(request, osm.EchoWriteRequest):
            return osm.EchoWriteResponse(r=request.d, **envelope)
        if isinstance(request, osm.MCUMgrParametersReadRequest):
            return osm.MCUMgrParametersReadResponse(buf_size=512, buf_count=4, **envelope)
        if isinstance(request, osm.OSApplicationInfoReadRequest):
            return osm.OSApplicationInfoReadResponse(output="Python", **envelope)
        if isinstance(request, osm.BootloaderInformationReadRequest):
            mode = osm.MCUbootModeQueryResponse(mode=osm.MCUbootMode.SWAP_WITHOUT_SCRATCH)
            return osm.BootloaderInformationReadResponse(bootloader="MCUboot", response=mode, **envelope)
        if isinstance(request, osm.ResetWriteRequest):
            return osm.ResetWriteResponse(**envelope)
        if isinstance(request, img.ImageUploadWriteRequest):
            return self.take(request, envelope)
        if isinstance(request, img.ImageStatesWriteRequest):
            if request.confirm:
                self.trial = False
            elif self.second and request.hash == self.second.hash:
                self.pending = True
            else:
                fault = {"group": 1, "rc": img.IMG_MGMT_ERR.HASH_NOT_FOUND}
                return img.ImageManagementErrorV2(err=fault, header=None, **envelope)
            return img.ImageStatesWriteResponse(images=self.states(), **envelope)
        return img.ImageStatesReadResponse(images=self.states(), **envelope)

    def take(self, request, envelope):
        if request.off == 0 and (self.upload is None or self.upload["sha"] != request.sha):
            self.upload = {"sha": request.sha, "len": request.len, "data": b""}
        upload = self.upload
        if request.off == len(upload["data"]):
            upload["data"] += request.data
        if len(upload["data"]) < upload["len"]:
            return img.ImageUploadWriteResponse(off=len(upload["data"]), **envelope)
        self.second, self.upload = Image(upload["data"]), None
        match = hashlib.sha256(upload["data"]).digest() == upload["sha"]
        return img.ImageUploadWriteResponse(off=len(upload["data"]), match=match, **envelope)

    def states(self):
        states = [img.ImageState(slot=0, version=self.running.version, hash=self.running.hash, bootable=True, active=True,
                                 confirmed=not self.trial)]
        if self.second:
            states.append(img.ImageState(slot=1, version=self.second.version, hash=self.second.hash, bootable=True,
                                         pending=self.pending, confirmed=self.trial))
        return states

    def boot(self):
        self.resets += 1
        if self.pending or self.trial:
            self.running, self.second = self.second, self.running
            self.trial, self.pending = self.pending, False

    def close(self):
        os.close(self.slave)
        os.close(self.master)
