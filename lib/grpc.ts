/**
 * `zlease/grpc`: stages for pipelines of gRPC messages, the frames of gRPC over HTTP/2, and the status for an error. For a
 * grpc-js service as it is, `zlease/register` is enough. These stages are for messages that the application compresses, and for
 * programs that handle gRPC without a gRPC library.
 */
export { type FrameDecoderOptions, frameDecoder } from './grpc/frames.ts';
export { type DecompressMessagesOptions, decompressMessages, messageBytes } from './grpc/messages.ts';
export { type GrpcStatus, toStatus } from './grpc/status.ts';
