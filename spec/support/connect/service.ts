/** A service that gives back what it gets, as protoc would describe it. */
import { create, createFileRegistry } from '@bufbuild/protobuf';
import type { GenService } from '@bufbuild/protobuf/codegenv2';
import { BytesValueSchema, FileDescriptorProtoSchema, file_google_protobuf_wrappers } from '@bufbuild/protobuf/wkt';

const { file, typeName } = BytesValueSchema;
const bytes = { inputType: `.${typeName}`, outputType: `.${typeName}` };

const registry = createFileRegistry(
  create(FileDescriptorProtoSchema, {
    name: 'echo.proto',
    package: 'zlease.spec',
    syntax: 'proto3',
    dependency: [file.proto.name],
    service: [
      {
        name: 'Echo',
        method: [
          { name: 'One', ...bytes },
          { name: 'Many', ...bytes, clientStreaming: true, serverStreaming: true },
        ],
      },
    ],
  }),
  () => file_google_protobuf_wrappers,
);

type BytesMethod<Kind> = { methodKind: Kind; input: typeof BytesValueSchema; output: typeof BytesValueSchema };

/** One message or many, of bytes. */
export const Echo = registry.getService('zlease.spec.Echo') as unknown as GenService<{
  one: BytesMethod<'unary'>;
  many: BytesMethod<'bidi_streaming'>;
}>;

/** Where HTTP finds its method for one message. */
export const PATH = `/${Echo.typeName}/One`;
