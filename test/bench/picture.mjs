export const drawPicture = () => '';
