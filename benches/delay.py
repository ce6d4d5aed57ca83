#!/usr/bin/env python3
"""A proxy that adds a fixed round trip to a TCP connection.

    benches/delay.py LISTEN-PORT TARGET-PORT ROUND-TRIP-MS

Half of the round trip is added to each direction, and to the first byte of a
connection a whole one, as a handshake over such a line would. Bandwidth is not
limited: what is sent is only late.
"""

import asyncio
import sys


async def carry(reader, writer, delay):
    """Forwards each piece `delay` after it arrived."""
    clock = asyncio.get_running_loop().time
    late = asyncio.Queue(maxsize=4096)

    async def write():
        while True:
            due, piece = await late.get()
            wait = due - clock()
            if wait > 0:
                await asyncio.sleep(wait)
            if piece is None:
                break
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    writing = asyncio.create_task(write())
    try:
        while piece := await reader.read(1 << 18):
            await late.put((clock() + delay, piece))
        await late.put((clock() + delay, None))
        await writing
    except (ConnectionError, OSError):
        writing.cancel()


async def main(listen, target, round_trip):
    async def connected(reader, writer):
        await asyncio.sleep(round_trip)
        there = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(
            carry(reader, there[1], round_trip / 2), carry(there[0], writer, round_trip / 2)
        )
        for end in (writer, there[1]):
            end.close()

    server = await asyncio.start_server(connected, "127.0.0.1", listen, limit=1 << 20)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
