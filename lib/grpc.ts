/**
 * `zlease/grpc`: stages for pipelines of gRPC messages, the frames of gRPC over HTTP/2, and the
 * status for an error. The stages are for messages that the application compresses. The frames are
 * for programs that handle gRPC without a gRPC library. A grpc-js service needs only
 * `zlease/register`.
 */
export { type FrameDecoderOptions, type FrameEncoderOptions, frameDecoder, frameEncoder } from './grpc/frames.ts';
export {
  type CompressMessagesOptions,
  compressMessages,
  type DecompressMessagesOptions,
  decompressMessages,
  messageBytes,
} from './grpc/messages.ts';
export { type GrpcStatus, toStatus } from './grpc/status.ts';
